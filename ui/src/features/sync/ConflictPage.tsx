/**
 * One conflict, both versions side by side, and what each decision does.
 *
 * Nothing here says left, right, mine or theirs: every version stands under the name of its place, every button is
 * named by its outcome, and under it stands what happens in both places.
 */
import { Link, useNavigate, useParams } from "@tanstack/react-router";
import { Clock, FileX } from "lucide-react";
import { useState } from "react";

import type { ConflictChoice, ConflictFolder, DiffLine, FilePreview, SyncConflict, SyncConflictView, SyncPair, SyncPlace, SyncResolved, SyncSide, SyncVersion } from "../../api";
import { Button } from "../../components/Button";
import { Loading, Notice, Page, Section } from "../../components/Page";
import { Status } from "../../components/Status";
import { Trouble } from "../../components/Trouble";
import { PathText, Size } from "../../components/Values";
import { formatDay, formatExact, formatMoment, formatRelative } from "../../lib/format";
import { useNow } from "../../lib/now";
import { baseName } from "../../lib/path";
import { useAct, useAsk } from "../../lib/queries";
import { rich } from "../../text/rich";
import { t } from "../../text/text";
import { EntryIcon } from "../browse/EntryIcon";
import { PreviewContent } from "../browse/PreviewContent";
import { isHeld, whenDone } from "./bulk";
import styles from "./Conflict.module.css";
import { copyDay, copySides } from "./copyName";
import { pairLines } from "./lines";
import { MergeDialog } from "./MergeDialog";
import { momentBeside } from "./moments";
import { other, placeNames, placeOn, type PlaceNames } from "./names";
import { canMerge, conflictWords, decidedOne, decidedWords, holdTheSame, isElsewhere, kindsOf, newerSide, outcomes } from "./outcomes";
import { tellDecided } from "./tellDecided";
import { useUndoneSince } from "./undone";

function largerSide({ left, right }: SyncConflict): SyncSide | undefined {
  if (left.sizeBytes === null || right.sizeBytes === null || left.sizeBytes === right.sizeBytes) return undefined;
  return left.sizeBytes > right.sizeBytes ? "left" : "right";
}

interface VersionProps {
  conflict: SyncConflict;
  side: SyncSide;
  place: SyncPlace;
  name: string;
}

function When({ version, beside, newer }: { version: SyncVersion; beside: SyncVersion; newer: boolean }) {
  const now = useNow();
  if (version.modifiedMs === null) return null;
  const ago = formatRelative(version.modifiedMs, now);
  return (
    <div className={styles.fact}>
      <dt>{t("conflict.changed")}</dt>
      <dd>
        <span title={formatExact(version.modifiedMs)}>{momentBeside(version.modifiedMs, beside.modifiedMs)}</span>
        {ago !== formatDay(version.modifiedMs) && <span className={styles.quiet}>({ago})</span>}
        {newer && <strong className={styles.mark}>{t("conflict.newer")}</strong>}
      </dd>
    </div>
  );
}

/** What one place has. */
function Version({ conflict, side, place, name }: VersionProps) {
  const version = conflict[side];
  const gone = version.path === null;
  return (
    <section aria-label={name} className={styles.version} data-gone={gone || undefined}>
      <h2 className={styles.place}>{name}</h2>
      <p className={styles.where}>
        {placeOn(place) !== "" && <span>{placeOn(place)}</span>}
        <PathText path={place.address.display} />
      </p>
      {gone ? (
        <p className={styles.gone}>
          <FileX aria-hidden="true" />
          <span>
            <strong>{t("conflict.gone")}</strong>
            <br />
            {t("conflict.gone_text", { place: name })}
          </span>
        </p>
      ) : (
        <dl className={styles.facts}>
          {version.entryType !== null && (kindsOf(conflict) !== undefined || version.entryType === "folder") && (
            <div className={styles.fact}>
              <dt>{t("conflict.kind")}</dt>
              <dd>
                <EntryIcon type={version.entryType} />
                {t(`conflict.kind.${version.entryType}`)}
              </dd>
            </div>
          )}
          <When version={version} beside={conflict[other(side)]} newer={newerSide(conflict) === side} />
          {version.sizeBytes !== null && version.entryType === "file" && (
            <div className={styles.fact}>
              <dt>{t("common.size")}</dt>
              <dd>
                <Size bytes={version.sizeBytes} />
                {largerSide(conflict) === side && <strong className={styles.mark}>{t("conflict.larger")}</strong>}
              </dd>
            </div>
          )}
          {version.path !== null && version.path.path !== conflict.path.path && (
            <div className={styles.fact}>
              <dt>{t("conflict.now_at")}</dt>
              <dd>
                <PathText path={version.path.display} />
              </dd>
            </div>
          )}
        </dl>
      )}
    </section>
  );
}

/** Texts line by line, the lines of one place beside those of the other. */
function Lines({ lines, names }: { lines: DiffLine[]; names: PlaceNames }) {
  if (lines.every((line) => line.kind === "same")) return <p className={styles.quiet}>{t("conflict.lines_same")}</p>;
  return (
    <>
      <p className={styles.legend}>
        <span>{t("conflict.lines_marked")}</span>
        {(["left", "right"] as const).map((side) => (
          <span key={side}>
            <span className={styles.swatch} data-side={side} /> {t("conflict.only_in", { place: names[side] })}
          </span>
        ))}
      </p>
      <div className={styles.linesBox} tabIndex={0} role="region" aria-label={t("conflict.content")}>
        <table className={styles.lines}>
          <thead>
            <tr>
              <th scope="col">{names.left}</th>
              <th scope="col">{names.right}</th>
            </tr>
          </thead>
          <tbody>
            {pairLines(lines).map(({ left, right, gap }, index) =>
              gap ? (
                <tr key={index} className={styles.gap}>
                  <td colSpan={2}>{t(index === 0 ? "conflict.gap_above" : "conflict.gap")}</td>
                </tr>
              ) : (
                <tr key={index}>
                  {[left, right].map((line, column) => (
                    <td key={column} data-kind={line?.kind ?? "none"}>
                      {line && (
                        <>
                          <span className={styles.number}>{column === 0 ? line.left : line.right}</span>
                          <span className={styles.lineText}>{line.text === "" ? " " : line.text}</span>
                        </>
                      )}
                    </td>
                  ))}
                </tr>
              ),
            )}
          </tbody>
        </table>
      </div>
    </>
  );
}

function Content({ view, names }: { view: SyncConflictView; names: PlaceNames }) {
  if (view.lines !== null) return <Lines lines={view.lines} names={names} />;
  const cell = (side: SyncSide, preview: FilePreview | null, folder: ConflictFolder | null) => (
    <div className={styles.preview}>
      {preview && <PreviewContent preview={preview} name={t("conflict.text_left", { place: names[side] })} />}
      {folder && <FolderContent folder={folder} place={names[side]} />}
      {!preview && !folder && <p className={styles.quiet}>{noTextWords(view.conflict[side], names[side])}</p>}
    </div>
  );
  return (
    <div className={styles.previews}>
      {cell("left", view.left, view.leftFolder)}
      {cell("right", view.right, view.rightFolder)}
    </div>
  );
}

/** What is in a folder that stands against a file: enough to know which folder it is. */
function FolderContent({ folder: { items, names }, place }: { folder: ConflictFolder; place: string }) {
  if (items === 0) return <p className={styles.quiet}>{t("conflict.folder_empty", { place })}</p>;
  return (
    <>
      <p className={styles.quiet}>{t("conflict.folder_holds", { place, count: items })}</p>
      <ul className={styles.names}>
        {names.map((name, index) => (
          <li key={index}>
            <PathText path={name} />
          </li>
        ))}
        {items > names.length && <li className={styles.quiet}>{t("conflict.folder_more", { count: items - names.length })}</li>}
      </ul>
    </>
  );
}

/** Why nothing is shown of what a place holds. */
function noTextWords({ path, entryType }: SyncVersion, place: string): string {
  if (path === null || entryType === null) return t("conflict.gone_text", { place });
  return t("conflict.kind_text", { place, kind: t(`conflict.a_kind.${entryType}`) });
}

/** When a decision is carried out, how that is undone, and how versions come back from a bin, where one goes there. */
function HowItGoes({ pair, bins }: { pair: SyncPair; bins: boolean }) {
  const pairs = useAsk("sync.pairs", {});
  const isKept = isHeld(pair, pairs.data?.allPaused === true);
  const link = (tab: "runs" | "bin", text: string) => (
    <Link to="/sync/$pairId" params={{ pairId: pair.id }} search={{ tab }}>
      {text}
    </Link>
  );
  return (
    <>
      {rich(isKept ? "conflict.kept" : "conflict.at_once", { pair: pair.name, runs: link("runs", t("conflict.runs_of", { pair: pair.name })) })}{" "}
      {bins && rich("conflict.from_bin", { bin: link("bin", t("conflict.bin_of", { pair: pair.name })) })}
    </>
  );
}

function Decisions({ pair, view, names }: { pair: SyncPair; view: SyncConflictView; names: PlaceNames }) {
  const navigate = useNavigate();
  const now = useNow();
  const [merging, setMerging] = useState(false);
  const leave = () => void navigate({ to: "/sync/$pairId", params: { pairId: pair.id }, search: { tab: "conflicts" } });
  const { conflict } = view;
  const done = ({ jobId }: SyncResolved, choice: ConflictChoice | "merged") => {
    tellDecided(pair, jobId, { title: decidedOne(conflict, choice, names), ...(choice === "later" ? {} : { text: whenDone(jobId) }) });
    leave();
  };
  const resolve = useAct("sync.resolve", { renews: ["sync", "job"], onDone: (resolved, { decisions }) => done(resolved, decisions?.[0]?.choice ?? "later") });
  const merge = useAct("sync.merge", { renews: ["sync", "job"], onDone: (resolved) => done(resolved, "merged"), onFailed: () => setMerging(false) });
  const decide = (choice: ConflictChoice) => resolve.mutate({ pairId: pair.id, decisions: [{ node: conflict.node, choice }] });
  const isDecided = conflict.decided !== null;
  const busy = resolve.isPending || merge.isPending;
  const error = resolve.error ?? merge.error;
  const merged = canMerge(view) ? view.merged : null;
  const shown = outcomes(conflict, names, { mode: pair.mode, sides: copySides(pair), day: copyDay(now), same: holdTheSame(view) });
  return (
    <Section heading={t("conflict.decide")} note={<HowItGoes pair={pair} bins={shown.some(({ bins }) => bins)} />}>
      {error && <Trouble error={error.details} />}
      <ul className={styles.outcomes}>
        {merged && (
          <li>
            <Button kind="primary" onClick={() => setMerging(true)}>
              {t("conflict.merge_look")}
            </Button>
            <p>{t("conflict.merge_look_means")}</p>
          </li>
        )}
        {shown.map(({ choice, button, means }) => (
          <li key={choice}>
            <Button kind="primary" busy={busy} onClick={() => decide(choice)}>
              {button}
            </Button>
            <p>{means}</p>
          </li>
        ))}
        <li>
          <Button icon={Clock} busy={busy} onClick={() => (isDecided ? decide("later") : leave())}>
            {t("conflict.later")}
          </Button>
          <p>{t(isDecided ? "conflict.take_back" : "conflict.lead")}</p>
        </li>
      </ul>
      {merged && (
        <MergeDialog
          open={merging}
          merged={merged}
          names={names}
          name={baseName(conflict.path.display)}
          busy={busy}
          onClose={() => setMerging(false)}
          onMerge={() => merge.mutate({ pairId: pair.id, node: conflict.node, hash: merged.hash })}
        />
      )}
    </Section>
  );
}

function Body({ pair, view }: { pair: SyncPair; view: SyncConflictView }) {
  const names = placeNames(pair);
  const { conflict } = view;
  const isUndone = useUndoneSince(pair.id);
  const base = conflict.baseModifiedMs === null ? t(isUndone ? "conflict.no_base_undone" : "conflict.no_base") : t("conflict.base", { when: formatMoment(conflict.baseModifiedMs) });
  const isFile = conflict.left.entryType === "file" || conflict.right.entryType === "file";
  return (
    <>
      {conflict.decided !== null && (
        <Notice tone="idle" heading={t("conflict.decided_so", { what: decidedWords(conflict, names) })}>
          <p>{t("conflict.decided_so_means", { pair: pair.name })}</p>
        </Notice>
      )}
      <div className={styles.happened}>
        <Status tone="asking" word={conflictWords(conflict, names)} />
        <span>{base}</span>
      </div>
      <div className={styles.versions}>
        <Version conflict={conflict} side="left" place={pair.left} name={names.left} />
        <Version conflict={conflict} side="right" place={pair.right} name={names.right} />
      </div>
      {isFile && (
        <Section heading={t("conflict.content")}>
          <Content view={view} names={names} />
        </Section>
      )}
      <Decisions pair={pair} view={view} names={names} />
    </>
  );
}

/** The path in the heading's line: where it is, or where it was before one of both moved it. */
function Lead({ conflict }: { conflict: SyncConflict }) {
  const path = <PathText path={conflict.path.display} copyable />;
  if (!isElsewhere(conflict)) return path;
  return (
    <span className={styles.wasAt}>
      <span>{t("conflict.was_at")}</span>
      {path}
    </span>
  );
}

export function ConflictPage() {
  const { pairId, node } = useParams({ from: "/sync/$pairId/conflict/$node" });
  const pair = useAsk("sync.pair", { pairId });
  const view = useAsk("sync.conflict", { pairId, node });
  const error = pair.error ?? view.error;
  return (
    <Page
      heading={t("conflict.heading", { name: view.data ? baseName(view.data.conflict.path.display) : "" })}
      lead={view.data && <Lead conflict={view.data.conflict} />}
      crumbs={[
        { text: t("sync.heading"), link: { to: "/sync" } },
        ...(pair.data ? [{ text: pair.data.name, link: { to: "/sync/$pairId" as const, params: { pairId }, search: { tab: "conflicts" as const } } }] : []),
      ]}
    >
      {error ? <Trouble error={error.details} onRetry={() => void view.refetch()} /> : pair.data && view.data ? <Body pair={pair.data} view={view.data} /> : <Loading />}
    </Page>
  );
}

