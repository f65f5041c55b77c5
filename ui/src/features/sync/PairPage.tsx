/** One pair: how it stands, what waits for a decision, what the bin holds, what its runs did. */
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { ArrowLeftRight, ArrowRight, Eye, Pause, Pencil, Play, Trash2 } from "lucide-react";
import { useState } from "react";

import { isActive, useJob, type Job, type SyncPair, type SyncPlace } from "../../api";
import { Button, LinkButton } from "../../components/Button";
import { JobPanel } from "../../components/JobPanel";
import { Menu } from "../../components/Menu";
import { Loading, Notice, Page, Section } from "../../components/Page";
import { ServerQuestion } from "../../components/ServerQuestion";
import { Status } from "../../components/Status";
import { TabBar } from "../../components/TabBar";
import { Trouble } from "../../components/Trouble";
import { Facts, PathText } from "../../components/Values";
import { formatCount } from "../../lib/format";
import { useNow } from "../../lib/now";
import { useAsk } from "../../lib/queries";
import { t } from "../../text/text";
import { NextRun } from "../backup/NextRun";
import { usePausePair, useRunPair } from "./actions";
import { BinTab } from "./BinTab";
import { ConflictsTab } from "./ConflictsTab";
import { useFreshPairs } from "./fresh";
import { Halted } from "./Halted";
import { placeNames, placeOn, type PlaceNames } from "./names";
import { RemovePair } from "./RemovePair";
import { RunsTab } from "./RunsTab";
import type { PairTab } from "./search";
import { settingFacts } from "./settingWords";
import styles from "./Sync.module.css";
import { isHalted, modeWords, pairState, type PairState } from "./words";

function Side({ place, name }: { place: SyncPlace; name: string }) {
  return (
    <div className={styles.side}>
      <h3>{name}</h3>
      <PathText path={place.address.display} copyable />
      {placeOn(place) !== "" && <span className={styles.quiet}>{placeOn(place)}</span>}
    </div>
  );
}

function Overview({ pair, names, job }: { pair: SyncPair; names: PlaceNames; job: Job | undefined }) {
  const state = pairState(pair, job, useNow(), names);
  return (
    <div className={styles.overview}>
      <StateNotice pair={pair} state={state} busy={pair.activeJobId !== null} />
      <Section heading={t("sync.places")}>
        <div className={styles.sides}>
          <Side place={pair.left} name={names.left} />
          <span className={styles.between}>
            {pair.mode === "twoWay" ? <ArrowLeftRight aria-hidden="true" /> : <ArrowRight aria-hidden="true" />}
            <span>{modeWords(pair.mode, names)}</span>
          </span>
          <Side place={pair.right} name={names.right} />
        </div>
      </Section>
      <Section heading={t("sync.settings")}>
        <Facts facts={settingFacts(pair, names)} />
      </Section>
    </div>
  );
}

/** What the state of a pair means, and what can be done about it. */
function StateNotice({ pair, state, busy }: { pair: SyncPair; state: PairState; busy: boolean }) {
  const run = useRunPair(pair);
  const pause = usePausePair(pair);
  const ended = state.tone === "bad" || state.tone === "warn" ? pair.lastRun : null;
  if (busy || (state.means === undefined && ended === null)) return null;
  const resume = state.tone === "paused" && (
    <Button icon={Play} busy={pause.isPending} onClick={() => pause.mutate({ pairId: pair.id, paused: false })}>
      {t("sync.resume")}
    </Button>
  );
  const seeRun = ended && (
    <LinkButton to="/activity/$jobId" params={{ jobId: ended.jobId }}>
      {t("sync.see_run")}
    </LinkButton>
  );
  const actions = resume || seeRun;
  const hint = ended?.error?.hint;
  return (
    <Notice tone={state.tone} heading={state.text} {...(actions ? { actions } : {})}>
      {state.means !== undefined && <p>{state.means}</p>}
      {hint && <p>{t("trouble.next", { hint })}</p>}
      {ended?.error && <ServerQuestion error={ended.error} onAccepted={run.look} />}
    </Notice>
  );
}

function Lead({ pair, names, job }: { pair: SyncPair; names: PlaceNames; job: Job | undefined }) {
  const state = pairState(pair, job, useNow(), names);
  return (
    <span className={styles.lead}>
      <Status tone={state.tone} word={state.text} />
      {pair.live && !isHalted(pair) && <span>{t(`sync.live.${pair.watched === "off" ? "asleep" : pair.watched}`)}</span>}
      {pair.nextRunMs !== null && <NextRun at={pair.nextRunMs} />}
    </span>
  );
}

function Actions({ pair, active, onRemove }: { pair: SyncPair; active: boolean; onRemove: () => void }) {
  const run = useRunPair(pair);
  const pause = usePausePair(pair);
  const params = { pairId: pair.id };
  return (
    <>
      {pair.state === "preview" && (
        <LinkButton kind="primary" icon={Eye} to="/sync/$pairId/plan" params={params}>
          {t("sync.see_plan")}
        </LinkButton>
      )}
      {!active && (
        <>
          {pair.conflictsWaiting > 0 && (
            <LinkButton kind="primary" to="/sync/$pairId" params={params} search={{ tab: "conflicts" }}>
              {t("sync.decide_conflicts", { count: pair.conflictsWaiting })}
            </LinkButton>
          )}
          <Button icon={Eye} busy={run.isPending} onClick={run.look}>
            {t("sync.look_first")}
          </Button>
          <Button kind={pair.conflictsWaiting > 0 ? "plain" : "primary"} icon={Play} busy={run.isPending} onClick={run.now}>
            {t("sync.run_now")}
          </Button>
        </>
      )}
      <LinkButton to="/sync/$pairId/edit" params={params} icon={Pencil}>
        {t("sync.edit")}
      </LinkButton>
      <Menu
        label={t("sync.more", { name: pair.name })}
        actions={[
          pair.paused
            ? { text: t("sync.resume"), icon: Play, onSelect: () => pause.mutate({ pairId: pair.id, paused: false }) }
            : { text: t("sync.pause"), icon: Pause, onSelect: () => pause.mutate({ pairId: pair.id, paused: true }) },
          { text: t("sync.remove"), icon: Trash2, danger: true, disabled: active, onSelect: onRemove },
        ]}
      />
    </>
  );
}

export function PairPage() {
  useFreshPairs();
  const { pairId } = useParams({ from: "/sync/$pairId" });
  const search = useSearch({ from: "/sync/$pairId" });
  const navigate = useNavigate();
  const [removing, setRemoving] = useState(false);
  const answer = useAsk("sync.pair", { pairId });
  const pair = answer.data;
  const job = useJob(pair?.activeJobId);
  const crumbs = [{ text: t("sync.heading"), link: { to: "/sync" as const } }];
  if (!pair) {
    return (
      <Page heading={t("sync.heading")} crumbs={crumbs}>
        {answer.error ? <Trouble error={answer.error.details} onRetry={() => void answer.refetch()} /> : <Loading />}
      </Page>
    );
  }
  const names = placeNames(pair);
  const active = job !== undefined && isActive(job);
  const show = (tab: PairTab) => void navigate({ to: "/sync/$pairId", params: { pairId }, search: { tab } });
  const halted = isHalted(pair) && pair.haltedBy.length > 0;
  return (
    <Page
      fixed
      heading={pair.name}
      crumbs={crumbs}
      lead={<Lead pair={pair} names={names} job={job} />}
      actions={<Actions pair={pair} active={active} onRemove={() => setRemoving(true)} />}
    >
      {active && pair.state !== "preview" && !halted && <JobPanel job={job} link />}
      {halted && pair.activeJobId !== null && <Halted pair={pair} jobId={pair.activeJobId} names={names} />}
      <TabBar<PairTab>
        label={t("sync.pair_tabs")}
        value={search.tab ?? "overview"}
        onValue={show}
        tabs={[
          { value: "overview", text: t("sync.tab.overview"), content: <Overview pair={pair} names={names} job={job} /> },
          {
            value: "conflicts",
            text: t("sync.tab.conflicts"),
            ...(pair.conflictsWaiting > 0 ? { count: formatCount(pair.conflictsWaiting) } : {}),
            content: <ConflictsTab pair={pair} names={names} />,
          },
          { value: "bin", text: t("sync.tab.bin"), content: <BinTab pair={pair} names={names} runId={search.run} /> },
          { value: "runs", text: t("sync.tab.runs"), content: <RunsTab pair={pair} names={names} /> },
        ]}
      />
      {removing && <RemovePair pair={pair} onClose={() => setRemoving(false)} onRemoved={() => void navigate({ to: "/sync" })} />}
    </Page>
  );
}
