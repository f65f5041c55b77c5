/**
 * A list of any length as a table: only the rows in sight exist, more are asked for as they come near.
 *
 * Keyboard: the grid is one stop of the tab key; arrows, page keys, Home and End move, Enter opens, Space chooses.
 * Columns are those of TanStack Table; their `meta` says how wide they are. Sorting and filtering are the engine's.
 */
import { createColumnHelper, tableFeatures, useTable, type ColumnDef } from "@tanstack/react-table";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useId, useRef, useState, type KeyboardEvent, type ReactNode } from "react";

import { classes } from "../lib/classes";
import { useIsNarrow } from "../lib/narrow";
import { t } from "../text/text";
import styles from "./DataGrid.module.css";
import { Checkbox } from "./Form";

const features = tableFeatures({});

/** One column: what it is called, how wide it is, and what it shows of a row. */
export interface Column<Row> {
  id: string;
  heading: string;
  /** A width of a CSS grid track: `minmax(0, 1fr)`, `120px`. */
  width: string;
  end?: boolean;
  /** Left out where the window is narrow. */
  optional?: boolean;
  cell: (row: Row) => ReactNode;
}

export interface Choosing<Row> {
  isChosen: (row: Row) => boolean;
  /** Something below it is chosen. */
  isPartly?: (row: Row) => boolean;
  onChoose: (row: Row, chosen: boolean) => void;
  label: (row: Row) => string;
}

interface DataGridProps<Row> {
  label: string;
  columns: Column<Row>[];
  rows: Row[];
  total: number;
  rowKey: (row: Row) => string;
  onOpen?: (row: Row) => void;
  onMore?: () => void;
  currentKey?: string | undefined;
  choosing?: Choosing<Row> | undefined;
  rowHeight?: number;
  /** Grows with its rows instead of filling its room: up to a limit, whatever lies below, or up to the room there is. */
  maxHeight?: number | "room";
  empty?: ReactNode;
}

const NEAR_ROWS = 30;

function useColumns<Row extends object>(columns: Column<Row>[]): ColumnDef<typeof features, Row>[] {
  const helper = createColumnHelper<typeof features, Row>();
  return columns.map((column) =>
    helper.display({ id: column.id, header: column.heading, cell: ({ row }) => column.cell(row.original) }),
  );
}

export function DataGrid<Row extends object>(props: DataGridProps<Row>) {
  "use no memo"; // The virtualizer changes under its own reference; the compiler must not keep what it gave.
  const { label, rows, total, rowKey, onOpen, onMore, currentKey, choosing, rowHeight = 34, maxHeight } = props;
  const isNarrow = useIsNarrow();
  const columns = props.columns.filter((column) => !(isNarrow && column.optional));
  const id = useId();
  const scroller = useRef<HTMLDivElement>(null);
  const [active, setActive] = useState(0);
  const table = useTable({ features, columns: useColumns(columns), data: rows, getRowId: rowKey });
  const modelRows = table.getRowModel().rows;
  // eslint-disable-next-line react-hooks/incompatible-library -- the directive above keeps the compiler away
  const virtualizer = useVirtualizer({
    count: modelRows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => rowHeight,
    overscan: 8,
    initialRect: { width: 800, height: 600 },
  });
  const items = virtualizer.getVirtualItems();
  const lastShown = items.at(-1)?.index ?? 0;
  const wantsMore = rows.length < total && lastShown >= rows.length - NEAR_ROWS;
  useEffect(() => {
    if (wantsMore) onMore?.();
  }, [wantsMore, onMore, rows.length]);

  const activeIndex = Math.min(active, Math.max(0, modelRows.length - 1));
  const tracks = `${choosing ? "36px " : ""}${columns.map((column) => column.width).join(" ")}`;
  const moveTo = (index: number) => {
    const bounded = Math.max(0, Math.min(modelRows.length - 1, index));
    setActive(bounded);
    virtualizer.scrollToIndex(bounded);
  };
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    if (event.target !== event.currentTarget) return;
    const pageRows = Math.max(1, Math.floor((scroller.current?.clientHeight ?? 0) / rowHeight) - 2);
    const steps: Record<string, number> = {
      ArrowDown: activeIndex + 1,
      ArrowUp: activeIndex - 1,
      PageDown: activeIndex + pageRows,
      PageUp: activeIndex - pageRows,
      Home: 0,
      End: modelRows.length - 1,
    };
    const target = steps[event.key];
    const row = modelRows[activeIndex]?.original;
    if (target !== undefined) moveTo(target);
    else if (event.key === "Enter" && row && onOpen) onOpen(row);
    else if (event.key === " " && row && choosing) choosing.onChoose(row, !choosing.isChosen(row));
    else return;
    event.preventDefault();
  };

  if (rows.length === 0 && props.empty !== undefined) return <div className={styles.nothing}>{props.empty}</div>;
  const grown = virtualizer.getTotalSize() + 33;
  const height = typeof maxHeight === "number" ? Math.min(maxHeight, grown) : maxHeight && grown;
  return (
    <div
      ref={scroller}
      role="grid"
      aria-label={label}
      aria-rowcount={total + 1}
      aria-colcount={columns.length + (choosing ? 1 : 0)}
      aria-multiselectable={choosing ? true : undefined}
      aria-activedescendant={modelRows.length > 0 ? `${id}-${activeIndex}` : undefined}
      tabIndex={0}
      onKeyDown={onKeyDown}
      className={classes(styles.grid, maxHeight === undefined && styles.filling, typeof maxHeight === "number" && styles.limited)}
      style={height === undefined ? undefined : { height }}
    >
      <div role="rowgroup" className={styles.head}>
        {table.getHeaderGroups().map((group) => (
          <div key={group.id} role="row" aria-rowindex={1} className={styles.row} style={{ gridTemplateColumns: tracks }}>
            {choosing && (
              <div role="columnheader" className={styles.cell}>
                <span className="only-spoken">{t("common.chosen")}</span>
              </div>
            )}
            {group.headers.map((header, index) => (
              <div key={header.id} role="columnheader" className={classes(styles.cell, columns[index]?.end && styles.end)}>
                <span title={columns[index]?.heading} className={styles.heading}>
                  <table.FlexRender header={header} />
                </span>
              </div>
            ))}
          </div>
        ))}
      </div>
      <div role="rowgroup" className={styles.body} style={{ height: virtualizer.getTotalSize() }}>
        {items.map((item) => {
          const row = modelRows[item.index];
          if (!row) return null;
          const chosen = choosing?.isChosen(row.original) ?? false;
          return (
            <div
              key={row.id}
              id={`${id}-${item.index}`}
              role="row"
              aria-rowindex={item.index + 2}
              aria-selected={choosing ? chosen : currentKey === undefined ? undefined : currentKey === row.id}
              data-active={item.index === activeIndex || undefined}
              data-current={currentKey === row.id || undefined}
              data-chosen={chosen || undefined}
              data-opens={onOpen ? true : undefined}
              onClick={() => {
                setActive(item.index);
                onOpen?.(row.original);
              }}
              className={classes(styles.row, styles.dataRow)}
              style={{ gridTemplateColumns: tracks, height: rowHeight, transform: `translateY(${item.start}px)` }}
            >
              {choosing && (
                <div role="gridcell" className={styles.cell} onClick={(event) => event.stopPropagation()}>
                  <Checkbox
                    checked={chosen}
                    partly={!chosen && (choosing.isPartly?.(row.original) ?? false)}
                    onChecked={(next) => choosing.onChoose(row.original, next)}
                    text={<span className="only-spoken">{choosing.label(row.original)}</span>}
                  />
                </div>
              )}
              {row.getAllCells().map((cell, index) => (
                <div key={cell.id} role="gridcell" className={classes(styles.cell, columns[index]?.end && styles.end)}>
                  <table.FlexRender cell={cell} />
                </div>
              ))}
            </div>
          );
        })}
      </div>
    </div>
  );
}
