/** The answers to the three questions, and what they make: pure, so that it can be tested without a page. */
import type { FirstRunStart, FolderSuggestions, PathText, Schedule, VolumeSuggestion } from "../../api";
import { baseName } from "../../lib/path";

export type Often = "hours" | "daily" | "weekly" | "manual";

export interface PasswordAnswer {
  wanted: boolean;
  password: string;
  again: string;
}

export const NO_PASSWORD: PasswordAnswer = { wanted: false, password: "", again: "" };
export const LEAST_LETTERS = 8;

/** Whether a password of one's own can be used. None is fine too: then a strong one is made. */
export function isPasswordReady(answer: PasswordAnswer): boolean {
  return !answer.wanted || (answer.password.length >= LEAST_LETTERS && answer.password === answer.again);
}

export interface Answers {
  /** Every folder that can be ticked. */
  offered: PathText[];
  ticked: ReadonlySet<string>;
  /** The escaped path of a suggested place, or nothing: then `folder`. */
  volume: string | undefined;
  folder: PathText;
  often: Often;
  password: PasswordAnswer;
}

/** Less than this is no drive for copies, but something a system mounts for itself. */
const LEAST_DRIVE_BYTES = 1_000_000_000;

/** The drives worth showing: those that can hold something. */
export function drivesOf(suggestions: FolderSuggestions): VolumeSuggestion[] {
  return suggestions.volumes.filter((volume) => volume.totalBytes === null || volume.totalBytes >= LEAST_DRIVE_BYTES);
}

/** The answers before a person said anything: what is recommended. */
export function firstAnswers(suggestions: FolderSuggestions): Answers {
  const there = suggestions.sources.filter((source) => source.exists);
  return {
    offered: there.map((source) => source.path),
    ticked: new Set(there.filter((source) => source.recommended).map((source) => source.path.path)),
    volume: drivesOf(suggestions).find((volume) => (volume.freeBytes ?? 0) >= LEAST_DRIVE_BYTES)?.proposed.path,
    folder: { path: "", display: "" },
    often: "daily",
    password: NO_PASSWORD,
  };
}

/** With a folder ticked or not. */
export function withTick(answers: Answers, path: string, on: boolean): Answers {
  const ticked = new Set(answers.ticked);
  if (on) ticked.add(path);
  else ticked.delete(path);
  return { ...answers, ticked };
}

/** With a folder of the person's own, ticked. */
export function withFolder(answers: Answers, folder: PathText): Answers {
  if (folder.path === "") return answers;
  const offered = answers.offered.some((known) => known.path === folder.path) ? answers.offered : [...answers.offered, folder];
  return withTick({ ...answers, offered }, folder.path, true);
}

/** Where copies go, in the engine's form; empty while nothing is chosen. */
export function destinationOf(answers: Answers): string {
  return answers.volume ?? answers.folder.path;
}

const NOON = 12 * 60;
const SUNDAY = 7;

export function scheduleOf(often: Often): Schedule {
  switch (often) {
    case "hours":
      return { kind: "everyHours", hours: 1 };
    case "daily":
      return { kind: "daily", atMinutes: NOON };
    case "weekly":
      return { kind: "weekly", weekday: SUNDAY, atMinutes: NOON };
    case "manual":
      return { kind: "manual" };
  }
}

/** Folders that lie in another ticked one need not be named: they are in it. */
export function outermost(paths: readonly string[]): string[] {
  return paths.filter((path) => !paths.some((other) => other !== path && path.startsWith(other.endsWith("/") ? other : `${other}/`)));
}

/** The request that starts everything. One folder gives the plan its name, a suggested drive gives the place its own. */
export function toStart(answers: Answers, volumes: readonly VolumeSuggestion[]): FirstRunStart {
  const chosen = answers.offered.map((folder) => folder.path).filter((path) => answers.ticked.has(path));
  const sources = outermost(chosen);
  const only = sources.length === 1 ? answers.offered.find((folder) => folder.path === sources[0]) : undefined;
  const volume = volumes.find((candidate) => candidate.proposed.path === answers.volume);
  return {
    sources,
    ...(only ? { planName: baseName(only.display) } : {}),
    ...(volume ? { placeLabel: volume.name } : {}),
    destination: destinationOf(answers),
    schedule: scheduleOf(answers.often),
    ...(answers.password.wanted ? { password: answers.password.password } : {}),
  };
}
