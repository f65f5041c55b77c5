/**
 * What tells one run from another, in the words of every list of runs: what it was, what it did, how it ended.
 *
 * A receipt and the command line say the same of what a run was (`SyncWhat.words`), for whoever knows neither its pair nor
 * its place in a list. Here places are called by their names and times are as they are read here, in texts of the catalogue.
 */
import type { Job, JobFact, JobState, SyncSide, SyncTotals, SyncWhat } from "../api";
import { isActive } from "../api/jobs";
import type { Tone } from "../components/Status";
import { t } from "../text/text";
import { formatBytes, formatCount, formatMoment } from "./format";
import { STATE, wasGivenUp } from "./words";

/** Facts of a run that is none of a pair's that are told in a list; all of them are on its page. */
const FACTS_IN_LISTS = 3;

function undoWords({ undoes, undoesBegunMs }: SyncWhat): string {
  const earliest = undoesBegunMs.at(-1);
  if (earliest === undefined) return t("ran.undo_some", { count: undoes });
  const when = formatMoment(earliest);
  return undoes === 1 ? t("ran.undo", { when }) : t("ran.undo_back_to", { count: undoes, when });
}

function answerWords(from: SyncSide, nameOf: ((side: SyncSide) => string) | undefined): string {
  return nameOf ? t("ran.filled_again_from", { place: nameOf(from) }) : t("ran.filled_again");
}

/** What a run of a pair was. Where its places are known, they are called by their names. */
export function ranWords(what: SyncWhat, nameOf?: (side: SyncSide) => string): string {
  switch (what.work) {
    case "undo":
      return undoWords(what);
    case "decision":
    case "merge":
    case "mergedText":
    case "bringBack":
    case "remove":
      return t(`ran.${what.work}`);
    case "run":
      if (what.onlyLooks) return t("ran.look");
      if (what.broughtBackFrom !== null) return answerWords(what.broughtBackFrom, nameOf);
      if (what.wentOn) return t("ran.went_on");
      return what.lookedFirst ? t("ran.looked_first") : t(`ran.by.${what.origin}`);
  }
}

/** What a job was: a run of a pair in the words of its lists, anything else by its title. */
export function whatRan(job: Job, nameOf?: (side: SyncSide) => string): string {
  return job.sync === null ? job.title : ranWords(job.sync, nameOf);
}

/** The same where runs of other pairs are beside it: whose it is comes first. */
export function whatRanWhere(job: Job): string {
  return job.sync === null ? job.title : t("ran.of", { name: job.placeLabel, what: whatRan(job) });
}

export interface Ended {
  tone: Tone;
  text: string;
}

/** How a run stands or ended. */
export function endedWords(state: JobState): Ended {
  return { tone: STATE[state].tone, text: t(STATE[state].text) };
}

/** The same of a job, which may have been given up before it changed anything: after a halt, a plan, or while it waited. */
export function howItEnded(job: Job): Ended {
  if (!wasGivenUp(job)) return endedWords(job.state);
  if (job.halt !== null) return { tone: "idle", text: t("ended.after_halt") };
  return { tone: "idle", text: t(job.startedMs !== null && job.sync?.onlyLooks ? "ended.plan" : "ended.before_it_began") };
}

/** The changes of one side in words: "3 new, 1 replaced, 2 to the bin; 4 MB to copy", or copied where they are done. */
export function totalsWords(totals: SyncTotals, done = false): string {
  const parts = [
    totals.created > 0 ? t("sync.totals.created", { count: totals.created }) : "",
    totals.replaced > 0 ? t("sync.totals.replaced", { count: totals.replaced }) : "",
    totals.moved > 0 ? t("sync.totals.moved", { count: totals.moved }) : "",
    totals.removed > 0 ? t("sync.totals.removed", { count: totals.removed }) : "",
    totals.metadata > 0 ? t("sync.totals.metadata", { count: totals.metadata }) : "",
  ].filter((part) => part !== "");
  if (parts.length === 0) return t("sync.totals.nothing");
  const changes = parts.join(", ");
  return totals.bytes > 0 ? t(done ? "sync.totals.copied" : "sync.totals.to_copy", { changes, size: formatBytes(totals.bytes) }) : changes;
}

function syncDid(what: SyncWhat, facts: JobFact[]): string {
  const of = (key: string) => facts.find((fact) => fact.key === key)?.value ?? 0;
  const also = (key: string, text: "did.left_alone" | "did.conflicts" | "did.failed") => (of(key) > 0 ? `, ${t(text, { count: of(key) })}` : "");
  switch (what.work) {
    case "undo":
      return t("did.undone", { count: of("undone") }) + also("leftAlone", "did.left_alone");
    case "bringBack":
      return t("did.brought_back", { count: of("broughtBack") }) + also("leftAlone", "did.left_alone");
    case "remove":
      return t("did.removed", { count: of("removedForGood") });
    default: {
      const [created, replaced, moved, removed, metadata] = ["created", "replaced", "moved", "removed", "metadataSet"].map(of) as [number, number, number, number, number];
      const changes = totalsWords({ created, replaced, moved, removed, metadata, bytes: of("leftBytes") + of("rightBytes") }, true);
      return changes + also("conflicts", "did.conflicts") + also("failed", "did.failed");
    }
  }
}

/** What a job did, as far as that is known; empty where it is not. */
export function whatItDid(job: Job): string {
  if (job.kind === "sync") {
    if (job.state === "halted") return t("did.nothing_halted");
    if (job.state === "waitingForConfirmation") return t("did.nothing_plan");
    if (wasGivenUp(job)) return t("did.nothing");
  }
  if (job.result === null || isActive(job)) return "";
  if (job.sync !== null) return syncDid(job.sync, job.result.facts);
  const told = job.result.facts.filter((fact) => fact.value > 0).slice(0, FACTS_IN_LISTS);
  return told.map((fact) => t("did.fact", { name: fact.label, value: fact.isBytes ? formatBytes(fact.value) : formatCount(fact.value) })).join(", ");
}
