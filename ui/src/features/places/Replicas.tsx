/** The second copies of a place: where they are, when they were last proven the same, and the way to one more. */
import { Link, useNavigate } from "@tanstack/react-router";
import { CalendarClock, CopyCheck, CopyPlus, Unplug } from "lucide-react";
import { useState } from "react";

import { call, useJob, type Place, type Replica } from "../../api";
import { Button } from "../../components/Button";
import { Confirm, Dialog } from "../../components/Dialog";
import { FolderField } from "../../components/FolderField";
import { Field, Radios, Select, TextInput } from "../../components/Form";
import { Menu } from "../../components/Menu";
import { tellDone, tellFailed } from "../../components/news";
import { Loading, Section } from "../../components/Page";
import { ServerAccess } from "../../components/ServerAccess";
import { ServerQuestion } from "../../components/ServerQuestion";
import { Status } from "../../components/Status";
import { Trouble } from "../../components/Trouble";
import { PathText } from "../../components/Values";
import { formatMoment, formatRelative } from "../../lib/format";
import { useNow } from "../../lib/now";
import { renew, useAct, useAsk } from "../../lib/queries";
import { isRemote } from "../../lib/server";
import { scheduleWords, weekdayName } from "../../lib/words";
import { t } from "../../text/text";
import styles from "./Places.module.css";
import { FRESH_REPLICA, fromReplica, replicaState, toReplicaSave, type ReplicaFields } from "./replicaState";

function WhenFields({ fields, change }: { fields: ReplicaFields; change: (change: Partial<ReplicaFields>) => void }) {
  return (
    <>
      <Radios<ReplicaFields["kind"]>
        label={t("replica.when")}
        value={fields.kind}
        onValue={(kind) => change({ kind })}
        choices={[
          { value: "manual", text: t("schedule.manual") },
          { value: "daily", text: t("editor.daily") },
          { value: "weekly", text: t("editor.weekly") },
        ]}
      />
      {fields.kind === "weekly" && (
        <Field label={t("replica.day")}>
          <Select value={fields.weekday} onValue={(weekday) => change({ weekday })} choices={[1, 2, 3, 4, 5, 6, 7].map((day) => ({ value: String(day), text: weekdayName(day) }))} />
        </Field>
      )}
      {fields.kind !== "manual" && (
        <Field label={t("replica.time")}>
          <TextInput type="time" value={fields.time} onValue={(time) => change({ time })} />
        </Field>
      )}
    </>
  );
}

/** A new second copy, made at once; or when one that is there runs. */
function ReplicaDialog({ place, replica, onClose }: { place: Place; replica?: Replica; onClose: () => void }) {
  const navigate = useNavigate();
  const [fields, setFields] = useState<ReplicaFields>(replica ? fromReplica(replica) : FRESH_REPLICA);
  const [asked, setAsked] = useState(false);
  const change = (changed: Partial<ReplicaFields>) => setFields({ ...fields, ...changed });
  const save = useAct("replica.save", { renews: ["replica"] });
  const missing = fields.where.path.trim() === "";
  const submit = async () => {
    setAsked(true);
    if (missing) return;
    const saved = await save.mutateAsync(toReplicaSave(place.id, fields, replica)).catch(() => undefined);
    if (!saved) return;
    onClose();
    if (replica) {
      tellDone(t("replica.saved"));
      return;
    }
    try {
      const { jobId } = await call("replica.run", { replicaId: saved.id, level: "full" });
      renew("replica", "job");
      await navigate({ to: "/activity/$jobId", params: { jobId } });
    } catch (failure) {
      tellFailed(failure instanceof Error ? failure.message : String(failure));
    }
  };
  return (
    <Dialog
      open
      onClose={onClose}
      heading={replica ? t("replica.schedule") : t("replica.add")}
      footer={
        <>
          <Button onClick={onClose}>{t("common.cancel")}</Button>
          <Button kind="primary" busy={save.isPending} onClick={() => void submit()}>
            {replica ? t("common.save") : t("replica.start")}
          </Button>
        </>
      }
    >
      {!replica && (
        <>
          <Field label={t("replica.where")} hint={t("replica.where_hint", { example: "sftp://server/folder" })} error={asked && missing ? t("replica.where_missing") : undefined}>
            <FolderField value={fields.where} onValue={(where) => change({ where })} />
          </Field>
          {isRemote(fields.where.display) && <ServerAccess access={fields.access} onAccess={(access) => change({ access })} />}
        </>
      )}
      <WhenFields fields={fields} change={change} />
      {save.error && <Trouble error={save.error.details} onRetry={() => void submit()} />}
    </Dialog>
  );
}

function RemoveDialog({ replica, onClose }: { replica: Replica; onClose: () => void }) {
  const remove = useAct("replica.remove", {
    renews: ["replica"],
    onDone: () => {
      tellDone(t("replica.removed", { name: replica.label }));
      onClose();
    },
    onFailed: (failure) => tellFailed(failure.message, failure.details.hint ?? undefined),
  });
  return (
    <Confirm
      open
      danger
      onClose={onClose}
      onConfirm={() => remove.mutate({ replicaId: replica.id })}
      busy={remove.isPending}
      heading={t("replica.remove_heading", { name: replica.label })}
      confirm={t("replica.remove")}
    >
      {t("replica.remove_text", { path: replica.path.display })}
    </Confirm>
  );
}

function Row({ place, replica }: { place: Place; replica: Replica }) {
  const now = useNow();
  const navigate = useNavigate();
  const [open, setOpen] = useState<"schedule" | "remove">();
  const active = useJob(replica.activeJobId);
  const run = useAct("replica.run", {
    renews: ["replica", "job"],
    onDone: ({ jobId }) => void navigate({ to: "/activity/$jobId", params: { jobId } }),
    onFailed: (failure) => tellFailed(failure.message, failure.details.hint ?? undefined),
  });
  const state = replicaState(replica, active, now);
  const runId = replica.activeJobId ?? replica.lastRun?.jobId;
  const start = (level: "quick" | "full") => run.mutate({ replicaId: replica.id, level });
  return (
    <li className={styles.replica}>
      <div className={styles.main}>
        <PathText path={replica.path.display} copyable />
        <span className={styles.lead}>
          <Status tone={state.tone} word={state.text} />
          {runId !== undefined && (
            <Link to="/activity/$jobId" params={{ jobId: runId }}>
              {t("replica.see")}
            </Link>
          )}
        </span>
        {replica.lastRun?.error && <ServerQuestion error={replica.lastRun.error} onAccepted={() => start("full")} />}
        <span className={styles.quiet}>
          {[
            ...(replica.copiedMs === null ? [] : [t("replica.copied", { when: formatRelative(replica.copiedMs, now) })]),
            scheduleWords(replica.schedule),
            ...(replica.nextRunMs === null ? [] : [t("replica.next", { when: formatMoment(replica.nextRunMs) })]),
          ].join(" · ")}
        </span>
      </div>
      <div className={styles.actions}>
        <Button icon={CopyPlus} busy={run.isPending} disabled={replica.activeJobId !== null && active?.state !== "halted"} onClick={() => start("quick")}>
          {t("replica.run")}
        </Button>
        <Menu
          label={t("replica.more", { name: replica.label })}
          actions={[
            { text: t("replica.prove"), icon: CopyCheck, onSelect: () => start("full") },
            { text: t("replica.schedule"), icon: CalendarClock, onSelect: () => setOpen("schedule") },
            { text: t("replica.remove"), icon: Unplug, danger: true, onSelect: () => setOpen("remove") },
          ]}
        />
      </div>
      {open === "schedule" && <ReplicaDialog place={place} replica={replica} onClose={() => setOpen(undefined)} />}
      {open === "remove" && <RemoveDialog replica={replica} onClose={() => setOpen(undefined)} />}
    </li>
  );
}

export function Replicas({ place }: { place: Place }) {
  const answer = useAsk("replica.list", { placeId: place.id });
  const [adding, setAdding] = useState(false);
  const replicas = answer.data?.replicas ?? [];
  return (
    <Section
      heading={t("replica.heading")}
      note={t("replica.note")}
      actions={
        <Button icon={CopyPlus} onClick={() => setAdding(true)}>
          {t("replica.add")}
        </Button>
      }
    >
      {answer.error && <Trouble error={answer.error.details} onRetry={() => void answer.refetch()} />}
      {answer.isPending && <Loading />}
      {answer.data && replicas.length === 0 && <p className={styles.quiet}>{t("replica.none")}</p>}
      {replicas.length > 0 && (
        <ul aria-label={t("replica.list")} className={styles.replicas}>
          {replicas.map((replica) => (
            <Row key={replica.id} place={place} replica={replica} />
          ))}
        </ul>
      )}
      {adding && <ReplicaDialog place={place} onClose={() => setAdding(false)} />}
    </Section>
  );
}
