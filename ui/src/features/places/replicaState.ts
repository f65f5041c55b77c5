/** The fields of a second copy and how one stands: pure, so that it can be tested without a page. */
import type { Job, PathText, Replica, ReplicaSave, Schedule } from "../../api";
import type { Tone } from "../../components/Status";
import { formatRelative } from "../../lib/format";
import { accessOf, NO_ACCESS, type Access } from "../../lib/server";
import { t } from "../../text/text";
import { fromClock, toClock } from "../backup/editorState";

export interface ReplicaFields {
  where: PathText;
  access: Access;
  kind: "manual" | "daily" | "weekly";
  /** `HH:MM` */
  time: string;
  weekday: string;
}

export const FRESH_REPLICA: ReplicaFields = { where: { path: "", display: "" }, access: NO_ACCESS, kind: "daily", time: "12:00", weekday: "7" };

/** The fields of a copy that is there. */
export function fromReplica(replica: Replica): ReplicaFields {
  const { schedule } = replica;
  return {
    where: replica.path,
    access: NO_ACCESS,
    // Every few hours is not offered here; as it is made on the command line it shows as every day.
    kind: schedule.kind === "everyHours" ? "daily" : schedule.kind,
    time: schedule.kind === "daily" || schedule.kind === "weekly" ? toClock(schedule.atMinutes) : FRESH_REPLICA.time,
    weekday: schedule.kind === "weekly" ? String(schedule.weekday) : FRESH_REPLICA.weekday,
  };
}

function scheduleOf(fields: ReplicaFields): Schedule {
  switch (fields.kind) {
    case "manual":
      return { kind: "manual" };
    case "daily":
      return { kind: "daily", atMinutes: fromClock(fields.time) };
    case "weekly":
      return { kind: "weekly", atMinutes: fromClock(fields.time), weekday: Number(fields.weekday) };
  }
}

/** The request that saves the fields. */
export function toReplicaSave(placeId: string, fields: ReplicaFields, replica: Replica | undefined): ReplicaSave {
  const access = accessOf(fields.where, fields.access);
  return {
    ...(replica ? { id: replica.id } : {}),
    ...(access ? { access } : {}),
    placeId,
    path: fields.where.path.trim(),
    schedule: scheduleOf(fields),
  };
}

/** How a second copy stands: first what a person has to look at, then what is proven. */
export function replicaState(replica: Replica, active: Job | undefined, now: number): { tone: Tone; text: string } {
  if (active?.state === "halted") return { tone: "asking", text: t("replica.halted") };
  if (replica.activeJobId !== null) return { tone: "running", text: t("replica.running") };
  const last = replica.lastRun;
  if (last?.error) return { tone: "bad", text: t("replica.failed", { why: last.error.message }) };
  if (last && last.problems > 0) return { tone: "warn", text: t("replica.problems", { problems: t("count.problems", { count: last.problems }) }) };
  if (replica.copiedMs === null) return { tone: "idle", text: t("replica.never_copied") };
  if (replica.provenMs === null) return { tone: "idle", text: t("replica.never_proven") };
  return { tone: "ok", text: t("replica.proven", { when: formatRelative(replica.provenMs, now) }) };
}
