/**
 * The name a conflict copy will get, as the engine makes it. Pure.
 *
 * Invariants: the same rules as the engine's, so that what is said before a decision is what is found after it; a name
 * that is taken gets a number behind the day, which only the run can know. Deliberately not here: the sentences.
 */
import type { SyncPair } from "../../api";
import { t } from "../../text/text";
import type { PlaceNames } from "./names";

/** Longer endings than this, with their dot, are taken for a part of the name. */
const ENDING_LIMIT_BYTES = 16;
const SIDE_LIMIT_LETTERS = 40;
/** What the file systems in use take. */
const NAME_LIMIT_BYTES = 255;

const sizeOf = (text: string): number => new TextEncoder().encode(text).length;

/** What the names of copies call the two places of a pair. */
export function copySides({ left, right }: Pick<SyncPair, "left" | "right">): PlaceNames {
  if (left.name !== right.name) return { left: left.name, right: right.name };
  if (left.device === right.device) return { left: left.address.display, right: right.address.display };
  return { left: t("sync.name_on", { name: left.name, device: left.device }), right: t("sync.name_on", { name: right.name, device: right.device }) };
}

/** The day of a moment as names have it. */
export function copyDay(moment: number): string {
  const date = new Date(moment);
  const two = (value: number) => String(value).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

function splitEnding(name: string): [string, string] {
  const dot = name.lastIndexOf(".");
  return dot > 0 && sizeOf(name.slice(dot)) <= ENDING_LIMIT_BYTES ? [name.slice(0, dot), name.slice(dot)] : [name, ""];
}

/** `report (conflict from Laptop, 2026-11-22).txt`. */
export function copyName(name: string, side: string, day: string): string {
  const letters = Array.from(side).filter((letter) => !/[\p{Cc}/<>:"|?*\\]/u.test(letter));
  const from = letters.slice(0, SIDE_LIMIT_LETTERS).join("").trim();
  const insert = from === "" ? ` (conflict, ${day})` : ` (conflict from ${from}, ${day})`;
  const [stem, ending] = splitEnding(name);
  const kept = Array.from(stem);
  while (kept.length > 0 && sizeOf(kept.join("") + insert + ending) > NAME_LIMIT_BYTES) kept.pop();
  return kept.join("") + insert + ending;
}
