/** The pairs: which two places, which way, and how each stands. */
import { Link, useNavigate } from "@tanstack/react-router";
import { ArrowLeftRight, ArrowRight, Eye, Pause, Pencil, Play, Plus, RefreshCw, Trash2 } from "lucide-react";
import { useState } from "react";

import { isActive, useJob, type SyncPair } from "../../api";
import { Button, LinkButton } from "../../components/Button";
import { JobActions } from "../../components/JobPanel";
import { Menu } from "../../components/Menu";
import { Empty, Loading, Notice, Page } from "../../components/Page";
import { Status } from "../../components/Status";
import { Trouble } from "../../components/Trouble";
import { PathText, ProgressBar } from "../../components/Values";
import { formatPercent } from "../../lib/format";
import { useNow } from "../../lib/now";
import { useAsk } from "../../lib/queries";
import { scheduleWords, shareOf } from "../../lib/words";
import { t } from "../../text/text";
import { NextRun } from "../backup/NextRun";
import { useHold, usePausePair, useRunPair } from "./actions";
import { useFreshPairs } from "./fresh";
import { HubRow, RemoveHub } from "./HubRow";
import { isHub, listed, type Hub } from "./hubState";
import { placeNames } from "./names";
import { RemovePair } from "./RemovePair";
import styles from "./Sync.module.css";
import { isHalted, modeWords, pairState } from "./words";

/** The one thing to do next with a pair. */
function NextStep({ pair }: { pair: SyncPair }) {
  const job = useJob(pair.activeJobId);
  const run = useRunPair(pair);
  const params = { pairId: pair.id };
  if (isHalted(pair)) {
    return (
      <LinkButton kind="primary" to="/sync/$pairId" params={params} search={{}}>
        {t("sync.see_conflicts")}
      </LinkButton>
    );
  }
  if (pair.state === "preview") {
    return (
      <LinkButton kind="primary" icon={Eye} to="/sync/$pairId/plan" params={params}>
        {t("sync.see_plan")}
      </LinkButton>
    );
  }
  if (job && isActive(job)) return <JobActions job={job} />;
  if (pair.state === "conflicts") {
    return (
      <LinkButton kind="primary" to="/sync/$pairId" params={params} search={{ tab: "conflicts" }}>
        {t("sync.see_conflicts")}
      </LinkButton>
    );
  }
  return pair.state === "new" ? (
    <Button icon={Eye} busy={run.isPending} onClick={run.look}>
      {t("sync.look_first")}
    </Button>
  ) : (
    <Button icon={Play} busy={run.isPending} onClick={run.now}>
      {t("sync.run_now")}
    </Button>
  );
}

function PairRow({ pair, inHub = false, onRemove }: { pair: SyncPair; inHub?: boolean; onRemove: () => void }) {
  const navigate = useNavigate();
  const now = useNow();
  const job = useJob(pair.activeJobId);
  const run = useRunPair(pair);
  const pause = usePausePair(pair);
  const names = placeNames(pair);
  const state = pairState(pair, job, now, names);
  const active = job !== undefined && isActive(job);
  const moving = active && (job.state === "running" || job.state === "planning" || job.state === "paused");
  const share = job && shareOf(job);
  return (
    <li className={styles.pair} data-in-hub={inHub || undefined}>
      <div className={styles.pairMain}>
        <h2 className={styles.pairName}>
          <Link to="/sync/$pairId" params={{ pairId: pair.id }} search={{}}>
            {inHub ? names.right : pair.name}
          </Link>
        </h2>
        <p className={styles.pairState}>
          <Status tone={state.tone} word={state.text} />
          {state.means !== undefined && <span className={styles.quiet}>{state.means}</span>}
        </p>
        {moving && (
          <div className={styles.pairProgress}>
            <ProgressBar share={share} label={t("run.progress_of", { title: job.title })} paused={job.state === "paused"} />
            <span>{share === undefined ? "" : formatPercent(share)}</span>
          </div>
        )}
      </div>
      <div className={styles.pairPlaces}>
        {!inHub && <PathText path={pair.left.address.display} />}
        <span className={styles.way}>
          {pair.mode === "twoWay" ? <ArrowLeftRight aria-hidden="true" /> : <ArrowRight aria-hidden="true" />}
          {modeWords(pair.mode, names)}
        </span>
        <PathText path={pair.right.address.display} />
      </div>
      <div className={styles.pairWhen}>
        {pair.live && !isHalted(pair) && <span>{t(`sync.live.${pair.watched === "off" ? "asleep" : pair.watched}`)}</span>}
        {(!pair.live || pair.schedule.kind !== "manual") && <span className={styles.quiet}>{scheduleWords(pair.schedule)}</span>}
        {pair.nextRunMs !== null && (
          <span className={styles.quiet}>
            <NextRun at={pair.nextRunMs} />
          </span>
        )}
      </div>
      <div className={styles.pairActions}>
        <NextStep pair={pair} />
        <Menu
          label={t("sync.more", { name: pair.name })}
          actions={[
            { text: t("sync.look_first"), icon: Eye, disabled: active, onSelect: run.look },
            { text: t("sync.edit"), icon: Pencil, onSelect: () => void navigate({ to: "/sync/$pairId/edit", params: { pairId: pair.id } }) },
            pair.paused
              ? { text: t("sync.resume"), icon: Play, onSelect: () => pause.mutate({ pairId: pair.id, paused: false }) }
              : { text: t("sync.pause"), icon: Pause, onSelect: () => pause.mutate({ pairId: pair.id, paused: true }) },
            { text: t("sync.remove"), icon: Trash2, danger: true, disabled: active, onSelect: onRemove },
          ]}
        />
      </div>
    </li>
  );
}

export function SyncPage() {
  useFreshPairs();
  const pairs = useAsk("sync.pairs", {});
  const [removing, setRemoving] = useState<SyncPair>();
  const [removingHub, setRemovingHub] = useState<Hub>();
  const hold = useHold();
  const list = pairs.data?.pairs;
  const allHeld = pairs.data?.allPaused ?? false;
  return (
    <Page
      heading={t("sync.heading")}
      lead={t("sync.lead")}
      actions={
        list && list.length > 0 ? (
          <>
            <Button icon={allHeld ? Play : Pause} busy={hold.isPending} onClick={() => hold.mutate({ paused: !allHeld })}>
              {allHeld ? t("sync.resume_all") : t("sync.pause_all")}
            </Button>
            <LinkButton to="/sync/new" search={{}} kind="primary" icon={Plus}>
              {t("sync.new")}
            </LinkButton>
          </>
        ) : undefined
      }
    >
      {pairs.error && <Trouble error={pairs.error.details} onRetry={() => void pairs.refetch()} />}
      {pairs.isPending && <Loading />}
      {allHeld && list && list.length > 0 && (
        <Notice tone="paused" heading={t("sync.all_paused")}>
          <p>{t("sync.all_paused_note")}</p>
        </Notice>
      )}
      {list?.length === 0 && (
        <Empty
          icon={RefreshCw}
          heading={t("sync.empty")}
          actions={
            <LinkButton to="/sync/new" search={{}} kind="primary" icon={Plus}>
              {t("sync.new")}
            </LinkButton>
          }
        >
          {t("sync.empty_text")}
        </Empty>
      )}
      {list && list.length > 0 && (
        <ul aria-label={t("sync.pairs")} className={styles.pairs}>
          {listed(list).map((row) =>
            isHub(row) ? (
              <HubRow key={row.group.id} hub={row} onRemove={() => setRemovingHub(row)}>
                {row.pairs.map((pair) => (
                  <PairRow key={pair.id} pair={pair} inHub onRemove={() => setRemoving(pair)} />
                ))}
              </HubRow>
            ) : (
              <PairRow key={row.id} pair={row} onRemove={() => setRemoving(row)} />
            ),
          )}
        </ul>
      )}
      {removingHub && <RemoveHub hub={removingHub} onClose={() => setRemovingHub(undefined)} />}
      {removing && <RemovePair pair={removing} onClose={() => setRemoving(undefined)} />}
    </Page>
  );
}
