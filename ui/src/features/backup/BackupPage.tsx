/** The plans: what is copied, where to, and how each stands. */
import { Link, useNavigate } from "@tanstack/react-router";
import { History, Pencil, Play, Plus, Trash2 } from "lucide-react";
import { useState } from "react";

import { isActive, useJob, type Place, type Plan } from "../../api";
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
import { planState, scheduleWords, shareOf } from "../../lib/words";
import { t } from "../../text/text";
import styles from "./Backup.module.css";
import { NextRun } from "./NextRun";
import { RemovePlan } from "./RemovePlan";
import { useRunPlan } from "./runPlan";

const SOURCES_SHOWN = 3;

function PlanRow({ plan, place, onRemove }: { plan: Plan; place: Place | undefined; onRemove: () => void }) {
  const navigate = useNavigate();
  const now = useNow();
  const job = useJob(plan.activeJobId);
  const run = useRunPlan();
  const state = planState(plan, job, now);
  const active = job !== undefined && isActive(job);
  const share = job && shareOf(job);
  const more = plan.sources.length - SOURCES_SHOWN;
  return (
    <li className={styles.plan}>
      <div className={styles.planMain}>
        <h2 className={styles.planName}>
          <Link to="/backup/$planId" params={{ planId: plan.id }} search={{}}>
            {plan.name}
          </Link>
        </h2>
        <p className={styles.planState}>
          <Status tone={state.tone} word={state.text} />
          {state.means !== undefined && <span className={styles.quiet}>{state.means}</span>}
        </p>
        {active && (
          <div className={styles.planProgress}>
            <ProgressBar share={share} label={t("run.progress_of", { title: job.title })} paused={job.state !== "running"} />
            <span>{share === undefined ? "" : formatPercent(share)}</span>
          </div>
        )}
      </div>
      <div className={styles.planFacts}>
        {plan.sources.slice(0, SOURCES_SHOWN).map((source) => (
          <PathText key={source.path} path={source.display} />
        ))}
        {more > 0 && <span className={styles.quiet}>{t("backup.more_sources", { count: more })}</span>}
      </div>
      <div className={styles.planFacts}>
        <span>{t("backup.to", { place: place?.label ?? t("common.unknown") })}</span>
        <span className={styles.quiet}>{plan.enabled ? scheduleWords(plan.schedule) : t("schedule.off")}</span>
        {plan.nextRunMs !== null && (
          <span className={styles.quiet}>
            <NextRun at={plan.nextRunMs} />
          </span>
        )}
      </div>
      <div className={styles.planActions}>
        {active ? (
          <JobActions job={job} />
        ) : (
          <Button icon={Play} busy={run.isPending} onClick={() => run.mutate({ planId: plan.id })}>
            {t("backup.run_now")}
          </Button>
        )}
        <Menu
          label={t("backup.more", { name: plan.name })}
          actions={[
            { text: t("backup.edit"), icon: Pencil, onSelect: () => void navigate({ to: "/backup/$planId/edit", params: { planId: plan.id } }) },
            { text: t("backup.remove"), icon: Trash2, danger: true, disabled: active, onSelect: onRemove },
          ]}
        />
      </div>
    </li>
  );
}

export function BackupPage() {
  const plans = useAsk("plan.list", {});
  const places = useAsk("place.list", { health: false });
  const info = useAsk("app.info", {});
  const settings = useAsk("settings.get", {});
  const [removing, setRemoving] = useState<Plan>();
  const placeOf = (plan: Plan) => places.data?.places.find((place) => place.id === plan.placeId);
  const list = plans.data?.plans;
  return (
    <Page
      heading={t("backup.heading")}
      lead={t("backup.lead")}
      actions={
        list && list.length > 0 ? (
          <LinkButton to="/backup/new" kind="primary" icon={Plus}>
            {t("backup.new")}
          </LinkButton>
        ) : undefined
      }
    >
      {info.data?.notices.map((notice) => <Notice key={notice} tone="warn" heading={notice} />)}
      {settings.data?.schedulesPaused === true && list && list.length > 0 && (
        <Notice tone="paused" heading={t("frame.schedules_paused")} actions={<LinkButton to="/settings">{t("rail.settings")}</LinkButton>}>
          <p>{t("settings.schedules_paused_note")}</p>
        </Notice>
      )}
      {plans.error && <Trouble error={plans.error.details} onRetry={() => void plans.refetch()} />}
      {plans.isPending && <Loading />}
      {list?.length === 0 && (
        <Empty
          icon={History}
          heading={t("backup.empty")}
          actions={
            <>
              <LinkButton to="/welcome" kind="primary">
                {t("backup.empty_start")}
              </LinkButton>
              <LinkButton to="/backup/new" icon={Plus}>
                {t("backup.new")}
              </LinkButton>
            </>
          }
        >
          {t("backup.empty_text")}
        </Empty>
      )}
      {list && list.length > 0 && (
        <ul aria-label={t("backup.plans")} className={styles.plans}>
          {list.map((plan) => (
            <PlanRow key={plan.id} plan={plan} place={placeOf(plan)} onRemove={() => setRemoving(plan)} />
          ))}
        </ul>
      )}
      {removing && <RemovePlan plan={removing} place={placeOf(removing)?.label ?? ""} onClose={() => setRemoving(undefined)} />}
    </Page>
  );
}
