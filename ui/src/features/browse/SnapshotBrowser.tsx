/**
 * A place's snapshots (or one plan's): the timeline, and the ways to look into them.
 *
 * File first: one starts with the files of the newest snapshot, and gets to every version of each. Everything shown
 * stands in the address. Deliberately not here: what is done with what was chosen (features/restore).
 */
import { ChevronLeft, ChevronRight, History } from "lucide-react";
import { useState, type ReactNode } from "react";

import { call, type SnapshotPage, type SnapshotRow } from "../../api";
import { Button, IconButton } from "../../components/Button";
import { Empty, Loading, Notice } from "../../components/Page";
import { TabBar } from "../../components/TabBar";
import { Timeline } from "../../components/Timeline";
import { Trouble } from "../../components/Trouble";
import { Moment } from "../../components/Values";
import { formatBytes, formatMoment } from "../../lib/format";
import { repositoryOf, usePages, type Pages } from "../../lib/queries";
import { rich } from "../../text/rich";
import { t } from "../../text/text";
import styles from "./Browse.module.css";
import { CompareTab } from "./CompareTab";
import { FilesTab } from "./FilesTab";
import { SearchTab } from "./SearchTab";
import { withSearch, type BrowseSearch } from "./search";
import { NOTHING, type Chosen, type Selection } from "./selection";
import { SnapshotsTab } from "./SnapshotsTab";

export interface BringBack {
  snapshot: SnapshotRow;
  /** Nothing chosen means everything. */
  chosen: Chosen[];
}

interface SnapshotBrowserProps {
  placeId: string;
  planId?: string;
  search: BrowseSearch;
  onSearch: (search: BrowseSearch) => void;
  onBringBack: (what: BringBack) => void;
  /** One more tab at the end: the runs of a plan. */
  runs?: ReactNode;
}

const TIMELINE_ROWS = 1000;
const PROBLEMS_SHOWN = 3;

function useSnapshots(placeId: string, planId: string | undefined): Pages<SnapshotRow, SnapshotPage> {
  return usePages(
    ["snapshot.list", placeId, planId ?? null],
    (offset, _limit, signal) =>
      call("snapshot.list", { repository: repositoryOf(placeId), ...(planId === undefined ? {} : { planId }), offset, limit: TIMELINE_ROWS }, signal),
    (page) => ({ rows: page.snapshots, total: page.total }),
  );
}

/** The line under the timeline: which snapshot is shown, its neighbours, and everything of it back. */
function CurrentLine({ snapshots, index, onChoose, onBringBackAll }: { snapshots: SnapshotRow[]; index: number; onChoose: (id: string) => void; onBringBackAll: () => void }) {
  const current = snapshots[index];
  const older = snapshots[index + 1];
  const newer = snapshots[index - 1];
  if (!current) return null;
  return (
    <div className={styles.current}>
      <span className={styles.steps}>
        <IconButton icon={ChevronLeft} label={t("timeline.older")} small disabled={!older} onClick={() => older && onChoose(older.id)} />
        <IconButton icon={ChevronRight} label={t("timeline.newer")} small disabled={!newer} onClick={() => newer && onChoose(newer.id)} />
      </span>
      <strong>{formatMoment(current.startedMs)}</strong>
      <span className={styles.quiet}>
        <Moment at={current.startedMs} />
      </span>
      <span className={styles.quiet}>
        {t("timeline.files", { files: t("count.files", { count: current.counts.files }), size: formatBytes(current.counts.sizeBytes) })}
      </span>
      <span className={styles.quiet}>{t("timeline.added", { size: formatBytes(current.counts.storedBytes) })}</span>
      {current.counts.problems > 0 && <span className={styles.warn}>{t("count.problems", { count: current.counts.problems })}</span>}
      <span className={styles.push}>
        <Button onClick={onBringBackAll} kind="quiet" icon={History}>
          {t("browse.bring_back_all")}
        </Button>
      </span>
    </div>
  );
}

export function SnapshotBrowser({ placeId, planId, search, onSearch, onBringBack, runs }: SnapshotBrowserProps) {
  const list = useSnapshots(placeId, planId);
  const [chosen, setChosen] = useState<{ snapshotId: string; selection: Selection }>({ snapshotId: "", selection: NOTHING });
  if (list.error) return <Trouble error={list.error.details} placeId={placeId} onRetry={list.again} />;
  if (list.isPending) return <Loading />;
  const newest = list.rows[0];
  const unreadable = list.first?.problems ?? [];
  const damage = unreadable.length > 0 && (
    <Notice tone="bad" heading={t("browse.unreadable", { count: unreadable.length })}>
      <p>{t("browse.unreadable_means")}</p>
      {unreadable.slice(0, PROBLEMS_SHOWN).map((problem) => (
        <p key={problem.path}>
          {problem.what} {problem.why} {problem.next}
        </p>
      ))}
    </Notice>
  );
  if (!newest) {
    return (
      <>
        {damage}
        <Empty icon={History} heading={t("plan.no_snapshots")}>
          {t("plan.no_snapshots_text")}
        </Empty>
        {runs}
      </>
    );
  }
  const found = search.snapshot === undefined ? 0 : list.rows.findIndex((row) => row.id === search.snapshot);
  const index = Math.max(0, found);
  const current = list.rows[index] ?? newest;
  const change = (next: Parameters<typeof withSearch>[1]) => onSearch(withSearch(search, next));
  const showSnapshot = (id: string) => change({ snapshot: id === newest.id ? undefined : id });
  const selection = chosen.snapshotId === current.id ? chosen.selection : NOTHING;
  const shared = { placeId, planId, search, change, snapshots: list.rows, current };

  return (
    <div className={styles.browser}>
      {damage}
      <div className={styles.timeline}>
        <Timeline
          label={t("timeline.label")}
          points={[...list.rows].reverse().map((row) => ({ id: row.id, at: row.startedMs, addedBytes: row.counts.storedBytes, problems: row.counts.problems }))}
          currentId={current.id}
          onChoose={showSnapshot}
        />
        <CurrentLine snapshots={list.rows} index={index} onChoose={showSnapshot} onBringBackAll={() => onBringBack({ snapshot: current, chosen: [] })} />
        {list.rows.length < list.total && (
          <p className={styles.quiet}>
            {rich("timeline.more_exist", { shown: list.rows.length, total: list.total })} <Button kind="quiet" onClick={list.more}>{t("timeline.older")}</Button>
          </p>
        )}
      </div>
      <TabBar
        label={t("browse.tabs")}
        value={search.tab ?? "files"}
        onValue={(tab) => change({ tab: tab === "files" ? undefined : tab })}
        tabs={[
          {
            value: "files",
            text: t("browse.files"),
            content: (
              <FilesTab
                {...shared}
                selection={selection}
                onSelection={(next) => setChosen({ snapshotId: current.id, selection: next })}
                onBringBack={(items) => onBringBack({ snapshot: current, chosen: items })}
                onBringBackFrom={(snapshotId, item) => {
                  const snapshot = list.rows.find((row) => row.id === snapshotId);
                  if (snapshot) onBringBack({ snapshot, chosen: [item] });
                }}
              />
            ),
          },
          { value: "search", text: t("browse.search"), content: <SearchTab {...shared} /> },
          { value: "compare", text: t("browse.compare"), content: <CompareTab {...shared} /> },
          { value: "snapshots", text: t("browse.snapshots"), count: String(list.total), content: <SnapshotsTab rows={list.rows} total={list.total} onMore={list.more} currentId={current.id} onOpen={(row) => change({ snapshot: row.id, tab: undefined })} /> },
          ...(runs === undefined ? [] : [{ value: "runs" as const, text: t("browse.runs"), content: runs }]),
        ]}
      />
    </div>
  );
}
