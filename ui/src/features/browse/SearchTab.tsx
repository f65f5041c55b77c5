/** Names in all snapshots: also of files that are gone by now. */
import { Search } from "lucide-react";
import { useDeferredValue } from "react";

import { call } from "../../api";
import { DataGrid } from "../../components/DataGrid";
import { SearchInput } from "../../components/Form";
import { Empty, Loading, Notice } from "../../components/Page";
import { Status } from "../../components/Status";
import { Trouble } from "../../components/Trouble";
import { Moment, PathText, Size } from "../../components/Values";
import { formatCount } from "../../lib/format";
import { parentPath } from "../../lib/path";
import { repositoryOf, usePages } from "../../lib/queries";
import { t } from "../../text/text";
import styles from "./Browse.module.css";
import { EntryIcon } from "./EntryIcon";
import { TOP } from "./search";
import type { BrowseTabProps } from "./shared";

export function SearchTab({ placeId, planId, search, change }: BrowseTabProps) {
  const typed = search.q ?? "";
  const pattern = useDeferredValue(typed.trim());
  const pages = usePages(
    ["snapshot.find", placeId, planId ?? null, pattern],
    (offset, limit, signal) =>
      call("snapshot.find", { repository: repositoryOf(placeId), pattern, offset, limit, ...(planId === undefined ? {} : { planId }) }, signal),
    (page) => ({ rows: page.rows, total: page.total }),
    { enabled: pattern !== "", keep: true },
  );
  const snapshots = t("count.snapshots", { count: pages.first?.snapshotsSearched ?? 0 });
  return (
    <>
      <div className={styles.searchLine}>
        <SearchInput autoFocus value={typed} onValue={(q) => change({ q })} label={t("search.label")} />
        <p className={styles.hint}>{t("search.hint")}</p>
      </div>
      {pages.error && <Trouble error={pages.error.details} placeId={placeId} onRetry={pages.again} />}
      {pattern === "" && <Empty icon={Search} heading={t("search.teach")} />}
      {pattern !== "" && pages.isPending && !pages.error && <Loading />}
      {pattern !== "" && pages.first && (
        <>
          <p role="status" className={styles.quiet}>
            {t("search.found", { count: pages.total, snapshots })}
          </p>
          {pages.first.truncated && <Notice tone="idle" heading={t("search.truncated")} />}
          <DataGrid
            label={t("search.results")}
            columns={[
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
              { id: "size", heading: t("common.size"), width: "96px", end: true, cell: (row) => (row.sizeBytes === null ? "" : <Size bytes={row.sizeBytes} />) },
              { id: "newest", heading: t("search.newest_in"), width: "124px", cell: (row) => <Moment at={row.snapshotMs} /> },
              { id: "count", heading: t("search.in_snapshots"), width: "96px", end: true, cell: (row) => formatCount(row.snapshots) },
              {
                id: "state",
                heading: t("search.state"),
                width: "112px",
                cell: (row) => (row.inLatest ? <Status quiet tone="ok" word={t("search.still")} /> : <Status quiet tone="warn" word={t("search.gone")} />),
              },
            ]}
            rows={pages.rows}
            total={pages.total}
            rowKey={(row) => row.path.path}
            onMore={pages.more}
            onOpen={(row) =>
              change({
                snapshot: row.snapshotId,
                tab: undefined,
                ...(row.entryType === "folder" ? { path: row.path.path, file: undefined } : { path: parentPath(row.path.path) || TOP, file: row.path.path }),
              })
            }
            empty={<p className={styles.nothing}>{t("search.nothing", { snapshots, text: pattern })}</p>}
          />
        </>
      )}
    </>
  );
}
