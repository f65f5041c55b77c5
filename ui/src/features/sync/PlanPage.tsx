/**
 * What a run would do, before it does anything; rows can be turned round or left out, one by one or many at once.
 *
 * Invariant: what is applied is the very plan that is shown: the engine holds it under the job's id.
 */
import { useNavigate, useParams } from "@tanstack/react-router";
import { Check, CircleAlert, CircleCheck, Eye, Pencil, TriangleAlert } from "lucide-react";
import { useCallback, useEffect, useState } from "react";

import { isActive, showJob, useJob, type SyncFilter, type SyncPair, type SyncPlanPage, type SyncSide } from "../../api";
import { Button, LinkButton } from "../../components/Button";
import { SearchInput, Select } from "../../components/Form";
import { JobPanel } from "../../components/JobPanel";
import { Empty, Loading, Notice, Page } from "../../components/Page";
import { Status } from "../../components/Status";
import { Trouble } from "../../components/Trouble";
import { useAct, useAsk } from "../../lib/queries";
import { totalsWords } from "../../lib/runWords";
import { t } from "../../text/text";
import { useApply, useGiveUp, useRunPair } from "./actions";
import { useFreshPairs } from "./fresh";
import { canLook, Halted, waysBack } from "./Halted";
import { placeNames, type PlaceNames } from "./names";
import { usePlanRows, type PlanQuestion } from "./planRows";
import { PlanChoice } from "./PlanChoice";
import { PlanTable } from "./PlanTable";
import styles from "./Sync.module.css";
import { useUndoneSince } from "./undone";
import { brakeWords, changesOf, FILTERS } from "./words";
import { ROWS_LIMIT } from "./windowing";

/** What the plan can not carry over. */
function Left({ head }: { head: SyncPlanPage }) {
  return (
    <>
      {head.problems > 0 && <Status quiet tone="warn" word={t("changes.problems", { count: head.problems })} />}
      {head.stillOpen > 0 && <Status quiet tone="idle" word={t("changes.still_open", { count: head.stillOpen })} />}
      {head.waitsForAge > 0 && <Status quiet tone="idle" word={t("changes.waits_for_age", { count: head.waitsForAge })} />}
    </>
  );
}

function Head({ head, names }: { head: SyncPlanPage; names: PlaceNames }) {
  return (
    <div className={styles.planHead}>
      <dl className={styles.totals}>
        {(["left", "right"] as const).map((side) => (
          <div key={side}>
            <dt>{t("changes.changes_in", { place: names[side] })}</dt>
            <dd>{totalsWords(head[side])}</dd>
          </div>
        ))}
      </dl>
      <p className={styles.planNotes}>
        {head.conflicts > 0 && <Status quiet tone="asking" word={t("changes.conflicts_stay", { count: head.conflicts })} />}
        <Left head={head} />
        {head.chosen > 0 && <Status quiet tone="idle" word={t("changes.chosen", { count: head.chosen })} />}
      </p>
    </div>
  );
}

interface ChoicesProps {
  question: PlanQuestion;
  names: PlaceNames;
  change: (change: Partial<PlanQuestion>) => void;
  shown: string;
}

function Choices({ question, names, change, shown }: ChoicesProps) {
  return (
    <div className={styles.filters}>
      <span className={styles.filter}>
        <Select<SyncFilter> label={t("changes.filter")} value={question.filter} onValue={(filter) => change({ filter })} choices={FILTERS.map((filter) => ({ value: filter, text: t(`changes.filter.${filter}`) }))} />
      </span>
      <span className={styles.filter}>
        <Select<SyncSide | "any">
          label={t("changes.side")}
          value={question.side ?? "any"}
          onValue={(side) => change({ side: side === "any" ? undefined : side })}
          choices={[
            { value: "any", text: t("changes.side_any") },
            { value: "left", text: t("changes.changes_in", { place: names.left }) },
            { value: "right", text: t("changes.changes_in", { place: names.right }) },
          ]}
        />
      </span>
      <span className={styles.filterWide}>
        <SearchInput label={t("changes.search")} value={question.text} onValue={(text) => change({ text })} />
      </span>
      <span role="status" className={styles.quiet}>
        {shown}
      </span>
    </div>
  );
}

/** A look that found nothing to carry over. */
export interface NothingFound {
  jobId: string;
  head: SyncPlanPage;
}

/** Nothing is to be carried over: whether that means in step, and what waits for a person all the same. */
function Nothing({ pair, head }: { pair: SyncPair; head: SyncPlanPage }) {
  const isAlike = head.problems === 0 && head.waitsForAge === 0 && head.stillOpen === 0;
  const params = { pairId: pair.id };
  const close = (
    <LinkButton to="/sync/$pairId" params={params} search={{}}>
      {t("common.close")}
    </LinkButton>
  );
  if (head.conflicts > 0) {
    return (
      <>
        <Empty
          icon={CircleAlert}
          heading={t("changes.nothing_conflicts", { count: head.conflicts })}
          actions={
            <>
              <LinkButton kind="primary" to="/sync/$pairId" params={params} search={{ tab: "conflicts" }}>
                {t("sync.decide_conflicts", { count: head.conflicts })}
              </LinkButton>
              {close}
            </>
          }
        >
          {t("changes.nothing_conflicts_text")}
        </Empty>
        <Left head={head} />
      </>
    );
  }
  return (
    <>
      <Empty icon={isAlike ? CircleCheck : TriangleAlert} heading={t(isAlike ? "changes.nothing" : "changes.nothing_but")} actions={close}>
        {t("changes.nothing_text")}
      </Empty>
      <Left head={head} />
    </>
  );
}

interface PlanProps {
  pair: SyncPair;
  jobId: string;
  names: PlaceNames;
  /** The plan holds nothing. */
  onNothing: (found: NothingFound) => void;
}

function Plan({ pair, jobId, names, onNothing }: PlanProps) {
  const navigate = useNavigate();
  const [question, setQuestion] = useState<PlanQuestion>({ filter: "all", side: undefined, text: "" });
  const rows = usePlanRows(jobId, question, true);
  const apply = useApply(() => void navigate({ to: "/sync/$pairId", params: { pairId: pair.id }, search: {} }));
  const isUndone = useUndoneSince(pair.id);
  const giveUp = useGiveUp(t("changes.given_up"), () => void navigate({ to: "/sync/$pairId", params: { pairId: pair.id }, search: {} }));
  const { head, onSight } = rows;
  const sight = useCallback((first: number, end: number) => onSight(first, end), [onSight]);
  const changes = head === undefined ? 0 : changesOf(head.left) + changesOf(head.right);
  const nothing = head?.rowsTotal === 0 && changes === 0 ? head : undefined;
  useEffect(() => {
    if (nothing) onNothing({ jobId, head: nothing });
  }, [nothing, onNothing, jobId]);
  if (rows.error) return <Trouble error={rows.error.details} onRetry={rows.again} />;
  if (!head || nothing) return <Loading />;
  const busy = apply.isPending || giveUp.isPending || rows.isChoosing;
  const buttons = (
    <div className={styles.buttons}>
      <Button kind="primary" icon={Check} busy={apply.isPending} disabled={busy || changes === 0} onClick={() => apply.mutate({ jobId })}>
        {t("changes.apply", { count: changes })}
      </Button>
      <Button busy={giveUp.isPending} disabled={busy} onClick={() => giveUp.mutate({ jobId })}>
        {t("changes.give_up")}
      </Button>
      <span className={styles.quiet}>{t("changes.keys")}</span>
    </div>
  );
  return (
    <>
      <Head head={head} names={names} />
      {isUndone && (
        <Notice tone="idle" heading={t("changes.undone")}>
          <p>{t("changes.undone_text")}</p>
        </Notice>
      )}
      {head.brakes.map((brake) => (
        <Notice key={`${brake.kind} ${brake.side}`} tone="asking" heading={brakeWords(brake, names, pair.mode).heading}>
          {t("changes.brake")}
        </Notice>
      ))}
      <Choices
        question={question}
        names={names}
        change={(change) => setQuestion((before) => ({ ...before, ...change }))}
        shown={t("changes.rows_of", { shown: rows.total, total: head.rowsTotal })}
      />
      {rows.total > ROWS_LIMIT && <Notice tone="idle" heading={t("changes.too_many", { count: ROWS_LIMIT })} />}
      {rows.total === 0 ? (
        <p className={styles.noMatch}>{t("changes.no_match")}</p>
      ) : (
        <PlanChoice key={JSON.stringify(question)} names={names} rows={rows} onSight={sight} busy={busy} />
      )}
      {buttons}
    </>
  );
}

/** The plan of a halted run, for each answer to it. It is decided on the pair's page, where it is said what each does. */
function HaltedPlan({ pair, jobId, names }: { pair: SyncPair; jobId: string; names: PlaceNames }) {
  const [question, setQuestion] = useState<PlanQuestion>({ filter: "all", side: undefined, text: "" });
  const rows = usePlanRows(jobId, question, true);
  const look = useRunPair(pair).look;
  const { head, onSight } = rows;
  const sight = useCallback((first: number, end: number) => onSight(first, end), [onSight]);
  const change = (change: Partial<PlanQuestion>) => setQuestion((before) => ({ ...before, ...change }));
  const backs = waysBack(pair.haltedBy).map((brake) => ({ value: brake.side, text: brakeWords(brake, names, pair.mode).bringBack?.text ?? "" }));
  if (rows.error) return <Trouble error={rows.error.details} onRetry={look} />;
  return (
    <>
      <div className={styles.filters}>
        <span aria-hidden="true">{t("brake.if")}</span>
        <span className={styles.answers}>
          <Select<SyncSide | "goOn">
            label={t("brake.if")}
            value={question.bringBack ?? "goOn"}
            onValue={(answer) => change({ bringBack: answer === "goOn" ? undefined : answer })}
            choices={[{ value: "goOn", text: t("brake.go_on") }, ...backs]}
          />
        </span>
      </div>
      {head === undefined ? (
        <Loading />
      ) : (
        <>
          <Head head={head} names={names} />
          <Choices question={question} names={names} change={change} shown={t("changes.rows_of", { shown: rows.total, total: head.rowsTotal })} />
          {rows.total > ROWS_LIMIT && <Notice tone="idle" heading={t("changes.too_many", { count: ROWS_LIMIT })} />}
          {rows.total === 0 ? (
            <p className={styles.noMatch}>{t("changes.no_match")}</p>
          ) : (
            <PlanTable key={JSON.stringify(question)} names={names} total={rows.total} rowAt={rows.rowAt} onSight={sight} />
          )}
        </>
      )}
      <div className={styles.buttons}>
        <LinkButton kind="primary" to="/sync/$pairId" params={{ pairId: pair.id }} search={{}}>
          {t("brake.decide")}
        </LinkButton>
      </div>
    </>
  );
}

function Over({ pair }: { pair: SyncPair }) {
  const run = useRunPair(pair);
  // Why there is no plan: a server that is not trusted yet can be accepted here, and is looked at again then.
  if (pair.state === "failed" && pair.lastRun?.error) {
    return (
      <>
        <Trouble error={pair.lastRun.error} onRetry={run.look} />
        <div className={styles.buttons}>
          <LinkButton to="/sync/$pairId/edit" params={{ pairId: pair.id }} icon={Pencil}>
            {t("pair.edit", { name: pair.name })}
          </LinkButton>
        </div>
      </>
    );
  }
  return (
    <Empty
      icon={Eye}
      heading={t("changes.gone")}
      actions={
        <>
          <Button kind="primary" icon={Eye} busy={run.isPending} onClick={run.look}>
            {t("sync.look_first")}
          </Button>
          <LinkButton to="/sync/$pairId" params={{ pairId: pair.id }} search={{}}>
            {pair.name}
          </LinkButton>
        </>
      }
    >
      {t("changes.gone_text")}
    </Empty>
  );
}

/** Whether what a look did not find still is the last that is known. */
function isLatest(found: NothingFound | undefined, pair: SyncPair): found is NothingFound {
  return found !== undefined && (pair.activeJobId === null || pair.activeJobId === found.jobId);
}

function Body({ pair, found, onNothing }: { pair: SyncPair; found: NothingFound | undefined; onNothing: (found: NothingFound) => void }) {
  const job = useJob(pair.activeJobId);
  const names = placeNames(pair);
  if (isLatest(found, pair)) return <Nothing pair={pair} head={found.head} />;
  if (pair.state === "preview" && pair.activeJobId !== null) return <Plan key={pair.activeJobId} pair={pair} jobId={pair.activeJobId} names={names} onNothing={onNothing} />;
  if (pair.state === "halted" && pair.activeJobId !== null) {
    return canLook(pair.haltedBy) ? <HaltedPlan pair={pair} jobId={pair.activeJobId} names={names} /> : <Halted pair={pair} jobId={pair.activeJobId} names={names} />;
  }
  if (job && isActive(job)) return <JobPanel job={job} link />;
  if (pair.state === "running" || pair.state === "waiting") return <Loading />;
  return <Over pair={pair} />;
}

export function PlanPage() {
  useFreshPairs();
  const { pairId } = useParams({ from: "/sync/$pairId/plan" });
  const answer = useAsk("sync.pair", { pairId });
  const pair = answer.data;
  const [found, setFound] = useState<NothingFound>();
  // A plan of nothing waits for nobody: it is let go at once, and no page says that it is ready.
  const { mutate: letGo } = useAct("job.cancel", { renews: ["sync", "job"], onDone: showJob });
  const onNothing = useCallback(
    (nothing: NothingFound) => {
      setFound(nothing);
      letGo({ jobId: nothing.jobId });
    },
    [letGo],
  );
  const hasPlan = pair !== undefined && (pair.state === "preview" || pair.state === "halted") && !isLatest(found, pair);
  return (
    <Page
      fixed
      heading={t("changes.heading")}
      lead={hasPlan ? t("changes.lead") : undefined}
      crumbs={[
        { text: t("sync.heading"), link: { to: "/sync" } },
        ...(pair ? [{ text: pair.name, link: { to: "/sync/$pairId" as const, params: { pairId }, search: {} } }] : []),
      ]}
    >
      {answer.error ? <Trouble error={answer.error.details} onRetry={() => void answer.refetch()} /> : pair ? <Body pair={pair} found={found} onNothing={onNothing} /> : <Loading />}
    </Page>
  );
}
