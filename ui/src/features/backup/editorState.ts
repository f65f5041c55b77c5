/** The plan editor's fields, and what they make: pure, so that it can be tested without a page. */
import type { PathText, Plan, PlanSave, Schedule } from "../../api";

export type ScheduleKind = Schedule["kind"];

export interface EditorState {
  name: string;
  sources: PathText[];
  placeId: string;
  kind: ScheduleKind;
  hours: string;
  /** `HH:MM` */
  time: string;
  weekday: string;
  enabled: boolean;
  exclude: string;
  excludeCaches: boolean;
  oneFileSystem: boolean;
  maxMegabytes: string;
}

export const FRESH: EditorState = {
  name: "",
  sources: [],
  placeId: "",
  kind: "daily",
  hours: "1",
  time: "12:00",
  weekday: "7",
  enabled: true,
  exclude: "",
  excludeCaches: true,
  oneFileSystem: false,
  maxMegabytes: "",
};

const MEGABYTE = 1_000_000;

/** Minutes after midnight as a field of the page shows them. */
export function toClock(minutes: number): string {
  return `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
}

/** Minutes after midnight of such a field; noon where it is empty. */
export function fromClock(clock: string): number {
  const match = /^(\d{1,2}):(\d{2})/.exec(clock);
  if (!match) return 12 * 60;
  return Math.min(23, Number(match[1])) * 60 + Math.min(59, Number(match[2]));
}

/** The fields of a plan that is there. */
export function fromPlan(plan: Plan): EditorState {
  const { schedule, rules } = plan;
  return {
    name: plan.name,
    sources: plan.sources,
    placeId: plan.placeId,
    kind: schedule.kind,
    hours: schedule.kind === "everyHours" ? String(schedule.hours) : FRESH.hours,
    time: schedule.kind === "daily" || schedule.kind === "weekly" ? toClock(schedule.atMinutes) : FRESH.time,
    weekday: schedule.kind === "weekly" ? String(schedule.weekday) : FRESH.weekday,
    enabled: plan.enabled,
    exclude: rules.exclude.join("\n"),
    excludeCaches: rules.excludeCaches,
    oneFileSystem: rules.oneFileSystem,
    maxMegabytes: rules.maxFileBytes === null ? "" : String(rules.maxFileBytes / MEGABYTE),
  };
}

export type EditorFault = "name" | "sources" | "place" | "hours" | "max";

function isHours(text: string): boolean {
  return /^\d{1,3}$/.test(text.trim()) && Number(text) >= 1 && Number(text) <= 168;
}

function isMegabytes(text: string): boolean {
  return text.trim() === "" || (Number.isFinite(Number(text)) && Number(text) > 0 && Number(text) < 1e9);
}

/** What keeps the fields from being a plan. */
export function faultsOf(state: EditorState): Set<EditorFault> {
  const faults = new Set<EditorFault>();
  if (state.name.trim() === "") faults.add("name");
  if (state.sources.length === 0) faults.add("sources");
  if (state.placeId === "") faults.add("place");
  if (state.kind === "everyHours" && !isHours(state.hours)) faults.add("hours");
  if (!isMegabytes(state.maxMegabytes)) faults.add("max");
  return faults;
}

function scheduleOf(state: EditorState): Schedule {
  switch (state.kind) {
    case "manual":
      return { kind: "manual" };
    case "everyHours":
      return { kind: "everyHours", hours: Number(state.hours) };
    case "daily":
      return { kind: "daily", atMinutes: fromClock(state.time) };
    case "weekly":
      return { kind: "weekly", weekday: Number(state.weekday), atMinutes: fromClock(state.time) };
  }
}

/** The request that saves the fields; to be asked only where there are no faults. */
export function toSave(state: EditorState, id: string | undefined): PlanSave {
  return {
    ...(id === undefined ? {} : { id }),
    name: state.name.trim(),
    placeId: state.placeId,
    sources: state.sources.map((source) => source.path),
    schedule: scheduleOf(state),
    enabled: state.enabled,
    rules: {
      exclude: state.exclude
        .split("\n")
        .map((line) => line.trimEnd())
        .filter((line) => line.trim() !== ""),
      excludeCaches: state.excludeCaches,
      oneFileSystem: state.oneFileSystem,
      maxFileBytes: state.maxMegabytes.trim() === "" ? null : Math.round(Number(state.maxMegabytes) * MEGABYTE),
    },
  };
}

/** With one more source; one that is there already, or nothing, changes nothing. */
export function withSource(state: EditorState, source: PathText): EditorState {
  if (source.path === "" || state.sources.some((known) => known.path === source.path)) return state;
  return { ...state, sources: [...state.sources, source] };
}
