/** What differs between two snapshots. */
import { Equal, GitCompare } from "lucide-react";

import { call, type DiffRow, type SnapshotRow } from "../../api";
import { DataGrid } from "../../components/DataGrid";
import { Select } from "../../components/Form";
import { Empty, Loading, Notice } from "../../components/Page";
import { Status } from "../../components/Status";
import { Trouble } from "../../components/Trouble";
import { PathText, Size } from "../../components/Values";
import { formatMoment } from "../../lib/format";
import { parentPath } from "../../lib/path";
import { repositoryOf, usePages } from "../../lib/queries";
import { CHANGE } from "../../lib/words";
import { t } from "../../text/text";
import styles from "./Browse.module.css";
import { EntryIcon } from "./EntryIcon";
import { TOP } from "./search";
import type { BrowseTabProps } from "./shared";

function choices(rows: SnapshotRow[]) {
  return rows.map((row) => ({ value: row.id, text: formatMoment(row.startedMs) }));
}

function SizeCell({ bytes }: { bytes: number | null }) {
  return bytes === null ? null : <Size bytes={bytes} />;
}

export function CompareTab({ placeId, search, change, snapshots, current }: BrowseTabProps) {
  const index = snapshots.findIndex((row) => row.id === current.id);
  const older = snapshots.find((row) => row.id === search.older) ?? snapshots[index + 1];
  const newer = older && older.startedMs > current.startedMs ? older : current;
  const earlier = newer === current ? older : current;
  const pages = usePages(
    ["snapshot.diff", placeId, earlier?.id ?? "", newer.id],
    (offset, limit, signal) =>
      call("snapshot.diff", { repository: repositoryOf(placeId), olderId: earlier?.id ?? "", newerId: newer.id, offset, limit }, signal),
    (page) => ({ rows: page.changes, total: page.total }),
    { enabled: earlier !== undefined, keep: true },
  );
  if (snapshots.length < 2) {
    return (
      <Empty icon={GitCompare} heading={t("compare.two")}>
        {t("compare.two_text")}
      </Empty>
    );
  }
  const open = (row: DiffRow) => {
    const snapshot = row.change === "removed" ? earlier?.id : newer.id;
    change({
      snapshot,
      tab: undefined,
      ...(row.entryType === "folder" ? { path: row.path.path, file: undefined } : { path: parentPath(row.path.path) || TOP, file: row.path.path }),
    });
  };
  const counts = pages.first?.counts;
  return (
    <>
      <div className={styles.compareLine}>
        <div>
          <Select label={t("compare.newer")} value={current.id} onValue={(snapshot) => change({ snapshot })} choices={choices(snapshots)} />
        </div>
        <span className={styles.quiet}>{t("compare.with")}</span>
        <div>
          <Select label={t("compare.older")} value={older?.id ?? ""} onValue={(id) => change({ older: id })} choices={choices(snapshots.filter((row) => row.id !== current.id))} />
        </div>
        {counts && (
          <span role="status" className={styles.quiet}>
            {t("compare.counts", { added: counts.added, changed: counts.changed + counts.kind, removed: counts.removed, metadata: counts.metadata })}
          </span>
        )}
      </div>
      {pages.error && <Trouble error={pages.error.details} placeId={placeId} onRetry={pages.again} />}
      {!older && !pages.first && <Empty icon={GitCompare} heading={t("compare.two")} />}
      {older && pages.isPending && !pages.error && <Loading />}
      {pages.first?.truncated && <Notice tone="idle" heading={t("compare.truncated")} />}
      {pages.first && (
        <DataGrid
          label={t("compare.results")}
          columns={[
            { id: "change", heading: t("compare.change"), width: "144px", cell: (row) => <Status quiet tone={CHANGE[row.change].tone} word={t(CHANGE[row.change].text)} /> },
            {
              id: "path",
              heading: t("common.path"),
              width: "minmax(0, 1fr)",
              cell: (row) => (
                <>
                  <EntryIcon type={row.entryType} />
                  <PathText path={row.path.display} />
                </>
              ),
            },
            { id: "before", heading: t("compare.before"), width: "92px", end: true, cell: (row) => <SizeCell bytes={row.olderBytes} /> },
            { id: "after", heading: t("compare.after"), width: "92px", end: true, cell: (row) => <SizeCell bytes={row.newerBytes} /> },
          ]}
          rows={pages.rows}
          total={pages.total}
          rowKey={(row) => `${row.change} ${row.path.path}`}
          onMore={pages.more}
          onOpen={open}
          empty={
            <Empty icon={Equal} heading={t("compare.same")}>
              {t("compare.same_text")}
            </Empty>
          }
        />
      )}
    </>
  );
}
