/** One plan: how it stands, what it does now, and every version of its files. */
import { useNavigate, useParams, useSearch } from "@tanstack/react-router";
import { Pencil, Play, Trash2 } from "lucide-react";
import { useState } from "react";

import { isActive, useJob, type Job, type Plan } from "../../api";
import { Button, LinkButton } from "../../components/Button";
import { JobPanel } from "../../components/JobPanel";
import { Menu } from "../../components/Menu";
import { Loading, Notice, Page } from "../../components/Page";
import { Status } from "../../components/Status";
import { Trouble } from "../../components/Trouble";
import { useNow } from "../../lib/now";
import { useAsk } from "../../lib/queries";
import { planState, scheduleWords } from "../../lib/words";
import { t } from "../../text/text";
import { RunsTable } from "../activity/RunsTable";
import { SnapshotBrowser } from "../browse/SnapshotBrowser";
import { bringBackSearch } from "../restore/request";
import styles from "./Backup.module.css";
import { NextRun } from "./NextRun";
import { RemovePlan } from "./RemovePlan";
import { useRunPlan } from "./runPlan";

function Lead({ plan, job, place }: { plan: Plan; job: Job | undefined; place: string }) {
  const state = planState(plan, job, useNow());
  return (
    <span className={styles.lead}>
      <Status tone={state.tone} word={state.text} />
      <span>{t("backup.to", { place })}</span>
      <span>{plan.enabled ? scheduleWords(plan.schedule) : t("schedule.off")}</span>
      {plan.nextRunMs !== null && <NextRun at={plan.nextRunMs} />}
    </span>
  );
}

/** What went wrong last time, while nothing runs. */
function LastRunNotice({ plan }: { plan: Plan }) {
  const state = planState(plan, undefined, useNow());
  const last = plan.lastRun;
  if (!last || (state.tone !== "bad" && state.tone !== "warn")) return null;
  return (
    <Notice
      tone={state.tone}
      heading={state.text}
      actions={
        <LinkButton to="/activity/$jobId" params={{ jobId: last.jobId }}>
          {state.tone === "warn" ? t("plan.see_problems") : t("plan.see_run")}
        </LinkButton>
      }
    >
      {state.means !== undefined && <p>{state.means}</p>}
      {last.problems > 0 && <p>{t("count.problems", { count: last.problems })}</p>}
    </Notice>
  );
}

export function PlanPage() {
  const { planId } = useParams({ from: "/backup/$planId" });
  const search = useSearch({ from: "/backup/$planId" });
  const navigate = useNavigate();
  const [removing, setRemoving] = useState(false);
  const answer = useAsk("plan.get", { planId });
  const plan = answer.data;
  const places = useAsk("place.list", { health: false });
  const job = useJob(plan?.activeJobId);
  const run = useRunPlan();
  const crumbs = [{ text: t("backup.heading"), link: { to: "/backup" as const } }];
  if (!plan) {
    return (
      <Page heading={t("backup.heading")} crumbs={crumbs}>
        {answer.error ? <Trouble error={answer.error.details} onRetry={() => void answer.refetch()} /> : <Loading />}
      </Page>
    );
  }
  const place = places.data?.places.find((candidate) => candidate.id === plan.placeId)?.label ?? "";
  const active = job !== undefined && isActive(job);
  return (
    <Page
      fixed
      heading={plan.name}
      crumbs={crumbs}
      lead={<Lead plan={plan} job={job} place={place} />}
      actions={
        <>
          {!active && (
            <Button kind="primary" icon={Play} busy={run.isPending} onClick={() => run.mutate({ planId })}>
              {t("backup.run_now")}
            </Button>
          )}
          <LinkButton to="/backup/$planId/edit" params={{ planId }} icon={Pencil}>
            {t("backup.edit")}
          </LinkButton>
          <Menu label={t("backup.more", { name: plan.name })} actions={[{ text: t("backup.remove"), icon: Trash2, danger: true, disabled: active, onSelect: () => setRemoving(true) }]} />
        </>
      }
    >
      {active ? <JobPanel job={job} link /> : <LastRunNotice plan={plan} />}
      <SnapshotBrowser
        placeId={plan.placeId}
        planId={planId}
        search={search}
        onSearch={(next) => void navigate({ to: "/backup/$planId", params: { planId }, search: next, replace: next.q !== search.q })}
        onBringBack={(what) => void navigate({ to: "/backup/bring-back", ...bringBackSearch(plan.placeId, planId, what) })}
        runs={<RunsTable filter={{ planId }} />}
      />
      {removing && <RemovePlan plan={plan} place={place} onClose={() => setRemoving(false)} onRemoved={() => void navigate({ to: "/backup" })} />}
    </Page>
  );
}
