/** The snapshots as a table. */
import type { SnapshotRow } from "../../api";
import { DataGrid } from "../../components/DataGrid";
import { Status } from "../../components/Status";
import { Size } from "../../components/Values";
import { formatCount, formatExact, formatMoment } from "../../lib/format";
import { t } from "../../text/text";

interface SnapshotsTabProps {
  rows: SnapshotRow[];
  total: number;
  onMore: () => void;
  currentId: string;
  onOpen: (row: SnapshotRow) => void;
}

export function SnapshotsTab({ rows, total, onMore, currentId, onOpen }: SnapshotsTabProps) {
  return (
    <DataGrid
      label={t("snapshots.list")}
      columns={[
        { id: "made", heading: t("snapshots.made"), width: "minmax(150px, 1fr)", cell: (row) => <span title={formatExact(row.startedMs)}>{formatMoment(row.startedMs)}</span> },
        { id: "from", heading: t("snapshots.from"), width: "minmax(90px, 0.8fr)", cell: (row) => row.host },
        { id: "files", heading: t("snapshots.files"), width: "80px", end: true, cell: (row) => formatCount(row.counts.files) },
        { id: "size", heading: t("common.size"), width: "88px", end: true, cell: (row) => <Size bytes={row.counts.sizeBytes} /> },
        { id: "new", heading: t("snapshots.new"), width: "72px", end: true, cell: (row) => formatCount(row.counts.filesNew) },
        { id: "changed", heading: t("snapshots.changed"), width: "80px", end: true, cell: (row) => formatCount(row.counts.filesChanged) },
        { id: "added", heading: t("snapshots.added"), width: "88px", end: true, cell: (row) => <Size bytes={row.counts.storedBytes} /> },
        {
          id: "problems",
          heading: t("snapshots.problems"),
          width: "112px",
          cell: (row) => (row.counts.problems > 0 ? <Status quiet tone="warn" word={formatCount(row.counts.problems)} /> : <Status quiet tone="ok" word={t("common.none")} />),
        },
      ]}
      rows={rows}
      total={total}
      rowKey={(row) => row.id}
      currentKey={currentId}
      onMore={onMore}
      onOpen={onOpen}
    />
  );
}
