/** What is shown of a place, as it stands in the address. */
import { readBrowseSearch, type BrowseSearch } from "../browse/search";

export type PlaceView = "snapshots" | "about" | "runs";
export type PlaceSearch = BrowseSearch & { view?: PlaceView };

const VIEWS: readonly PlaceView[] = ["snapshots", "about", "runs"];

/** What an address says, without what it should not say. */
export function readPlaceSearch(raw: Record<string, unknown>): PlaceSearch {
  const view = VIEWS.find((candidate) => candidate === raw.view);
  return { ...readBrowseSearch(raw), ...(view ? { view } : {}) };
}
