/**
 * Which rows of a very long table are in sight, and which pages hold them. Pure.
 *
 * A million rows are one tall element; only what is in sight exists, and only the pages that hold it are asked for, so
 * that jumping to the end costs as much as staying at the top.
 */

/** Browsers give up beyond some 33 million pixels. */
export const ROWS_LIMIT = 1_000_000;
export const PAGE_ROWS = 200;
const MARGIN_ROWS = 10;

export interface Sight {
  first: number;
  /** One past the last. */
  end: number;
}

/** The rows in sight, with a margin. */
export function sightOf(scrollTop: number, height: number, rowHeight: number, total: number): Sight {
  const first = Math.max(0, Math.floor(scrollTop / rowHeight) - MARGIN_ROWS);
  const end = Math.min(total, Math.ceil((scrollTop + height) / rowHeight) + MARGIN_ROWS);
  return { first: Math.min(first, Math.max(0, end)), end };
}

/** The pages that hold the rows in sight. */
export function pagesOf({ first, end }: Sight): number[] {
  if (end <= first) return [0];
  const last = Math.floor((end - 1) / PAGE_ROWS);
  const pages: number[] = [];
  for (let page = Math.floor(first / PAGE_ROWS); page <= last; page += 1) pages.push(page);
  return pages;
}

/** Where a list has to be scrolled to so that a row is in sight; nothing where it is already. */
export function scrollToShow(row: number, scrollTop: number, height: number, rowHeight: number): number | undefined {
  const top = row * rowHeight;
  if (top < scrollTop) return top;
  if (top + rowHeight > scrollTop + height) return top + rowHeight - height;
  return undefined;
}
