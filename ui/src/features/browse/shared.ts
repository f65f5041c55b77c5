/** What every way to look into snapshots gets. */
import type { SnapshotRow } from "../../api";
import type { BrowseSearch } from "./search";

export interface BrowseTabProps {
  placeId: string;
  planId: string | undefined;
  search: BrowseSearch;
  change: (change: { [Name in keyof BrowseSearch]?: BrowseSearch[Name] | undefined }) => void;
  /** Newest first. */
  snapshots: SnapshotRow[];
  current: SnapshotRow;
}
