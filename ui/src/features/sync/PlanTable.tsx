/**
 * The plan as a two-sided table: what is on the left, the way, what is on the right.
 *
 * Rows are asked for by the page that is in sight, so a million of them is one tall element and some forty rows.
 * Keyboard: one stop of the tab key; up and down move, with Shift they select, Ctrl+A selects all; right and left choose
 * the way of all that is selected, Space leaves it out.
 */
import type { LucideIcon } from "lucide-react";
import { ArrowLeft, ArrowRight, Ban, Clock, FolderPlus, MoveRight, Plus, RefreshCw, Trash2 } from "lucide-react";
import { useId, useLayoutEffect, useRef, useState, type KeyboardEvent, type MouseEvent, type RefObject } from "react";

import type { SyncAction, SyncRow, SyncSay, SyncSide } from "../../api";
import { PathText, Size } from "../../components/Values";
import { classes } from "../../lib/classes";
import { t } from "../../text/text";
import { EntryIcon } from "../browse/EntryIcon";
import type { PlaceNames } from "./names";
import styles from "./PlanTable.module.css";
import { allOf, countOf, isSelected, NOTHING, only, reached, toggled, type Range, type Selection } from "./selection";
import { isFixed, takesWhatIsBelow, wayOf, wordFor, type Way } from "./ways";
import { DOES, whyWords } from "./words";
import { ROWS_LIMIT, scrollToShow, sightOf } from "./windowing";

const ROW_HEIGHT = 33;
const HEAD_HEIGHT = 34;

interface PlanTableProps {
  names: PlaceNames;
  total: number;
  rowAt: (index: number) => SyncRow | undefined;
  /** Told whenever other rows come into sight. */
  onSight: (first: number, end: number) => void;
  /** Nothing can be chosen in the plan of a halted run. */
  choosing?: PlanChoosing;
}

export interface PlanChoosing {
  selection: Selection;
  onSelect: (selection: Selection) => void;
  onSay: (ranges: readonly Range[], say: SyncSay) => void;
  busy: boolean;
  /** The table, to go back to with the keyboard. */
  grid: RefObject<HTMLDivElement | null>;
}

const DEED_ICON: Record<SyncAction, LucideIcon> = { createFolder: FolderPlus, copy: Plus, replace: RefreshCw, move: MoveRight, remove: Trash2, setMetadata: Clock };

/** What is done to an item, as a colour, a picture and a word. */
function Deed({ action }: { action: SyncAction }) {
  const Icon = DEED_ICON[action];
  return (
    <span className={styles.deed} data-action={action}>
      <Icon aria-hidden="true" />
      {t(DOES[action])}
    </span>
  );
}

/** Whether the path is told by the other side already. */
function isToldAcross(action: SyncAction): boolean {
  return action !== "remove" && action !== "move";
}

function Side({ row, side }: { row: SyncRow; side: SyncSide }) {
  const left = row.choice === "skip";
  const changed = row.side === side;
  if (!changed) {
    if (row.action === "remove") return <span className={styles.absent}>{t("changes.absent")}</span>;
    return (
      <>
        <EntryIcon type={row.entryType} />
        <PathText path={row.path.display} />
      </>
    );
  }
  return (
    <>
      {!left && <Deed action={row.action} />}
      {left && <span className={styles.absent}>{t("changes.left_out_row")}</span>}
      {row.action === "move" && row.from !== null ? (
        <span className={styles.from}>
          <span className={styles.absent}>{t("changes.from", { path: "" })}</span>
          <PathText path={row.from.display} />
        </span>
      ) : isToldAcross(row.action) ? null : (
        <PathText path={row.path.display} />
      )}
    </>
  );
}

function Ways({ row, names, active, onSay, busy }: { row: SyncRow; names: PlaceNames; active: boolean; busy: boolean; onSay: (say: SyncSay) => void }) {
  const way = wayOf(row);
  const fixed = isFixed(row);
  const whole = (label: string) => (takesWhatIsBelow(row) ? t("changes.with_below", { label }) : label);
  const ways = [
    { way: "left" as const, icon: ArrowLeft, label: whole(t("changes.to_left", { place: names.left })) },
    { way: "skip" as const, icon: Ban, label: whole(t("changes.leave")) },
    { way: "right" as const, icon: ArrowRight, label: whole(t("changes.to_right", { place: names.right })) },
  ];
  return (
    <span role="group" aria-label={t("changes.row_of", { path: row.path.display })} title={fixed ? t("changes.fixed_row") : undefined} className={styles.ways}>
      {ways.map(({ way: one, icon: Icon, label }) => (
        <button
          key={one}
          type="button"
          tabIndex={active ? 0 : -1}
          aria-label={label}
          title={label}
          aria-pressed={way === one}
          disabled={fixed || busy}
          onClick={() => (way === one && one !== "skip" ? undefined : onSay(wordFor(row, one)))}
          className={styles.wayButton}
        >
          <Icon aria-hidden="true" />
        </button>
      ))}
    </span>
  );
}

export function PlanTable({ names, total, rowAt, onSight, choosing }: PlanTableProps) {
  const id = useId();
  const own = useRef<HTMLDivElement>(null);
  const scroller = choosing?.grid ?? own;
  const [scrollTop, setScrollTop] = useState(0);
  const [height, setHeight] = useState(600);
  const [active, setActive] = useState(0);
  const shownTotal = Math.min(total, ROWS_LIMIT);
  const sight = sightOf(scrollTop, height, ROW_HEIGHT, shownTotal);
  useLayoutEffect(() => {
    const box = scroller.current;
    if (!box) return;
    const measure = () => setHeight(Math.max(ROW_HEIGHT, box.clientHeight - HEAD_HEIGHT));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(box);
    return () => observer.disconnect();
  }, [scroller]);
  useLayoutEffect(() => onSight(sight.first, sight.end), [onSight, sight.first, sight.end]);

  const activeIndex = Math.min(active, Math.max(0, shownTotal - 1));
  const moveTo = (index: number) => {
    const bounded = Math.max(0, Math.min(shownTotal - 1, index));
    setActive(bounded);
    const box = scroller.current;
    const target = box ? scrollToShow(bounded, box.scrollTop, height, ROW_HEIGHT) : undefined;
    if (box && target !== undefined) box.scrollTop = target;
    return bounded;
  };
  const selection = choosing?.selection ?? NOTHING;
  const select = (next: Selection) => choosing?.onSelect(next);
  /** A way for all that is selected; for the row one is at where nothing else is. */
  const choose = (way: Way) => {
    if (!choosing || choosing.busy) return;
    const row = rowAt(activeIndex);
    if (countOf(selection) > 1 || (countOf(selection) === 1 && !isSelected(selection, activeIndex))) choosing.onSay(selection.ranges, wordFor({ choice: null }, way));
    else if (row && !isFixed(row) && (way === "skip" || wayOf(row) !== way)) choosing.onSay(only(activeIndex).ranges, wordFor(row, way));
  };
  const onKeyDown = (event: KeyboardEvent<HTMLDivElement>) => {
    if (event.target !== event.currentTarget) return;
    const pageRows = Math.max(1, Math.floor(height / ROW_HEIGHT) - 1);
    const steps: Record<string, number> = {
      ArrowDown: activeIndex + 1,
      ArrowUp: activeIndex - 1,
      PageDown: activeIndex + pageRows,
      PageUp: activeIndex - pageRows,
      Home: 0,
      End: shownTotal - 1,
    };
    const ways: Record<string, Way> = { ArrowRight: "right", ArrowLeft: "left", " ": "skip" };
    const held = event.ctrlKey || event.metaKey;
    const step = steps[event.key];
    const way = ways[event.key];
    if (step !== undefined) {
      const target = moveTo(step);
      if (event.shiftKey) select(reached(selection, activeIndex, target, held));
      else if (!held) select(only(target));
    } else if (held && event.key.toLowerCase() === "a") select(allOf(total));
    else if (held && event.key === " ") select(toggled(selection, activeIndex));
    else if (event.key === "Escape" && countOf(selection) > 0) select(NOTHING);
    else if (way !== undefined && !held) choose(way);
    else return;
    event.preventDefault();
  };
  const onRowClick = (event: MouseEvent<HTMLDivElement>, index: number) => {
    setActive(index);
    // A button in the row is about that row alone.
    if (event.target instanceof Element && event.target.closest("button")) return;
    const held = event.ctrlKey || event.metaKey;
    if (event.shiftKey) select(reached(selection, activeIndex, index, held));
    else select(held ? toggled(selection, index) : only(index));
  };
  /** With Shift the browser would mark text. */
  const onRowDown = (event: MouseEvent<HTMLDivElement>) => {
    if (!event.shiftKey) return;
    event.preventDefault();
    scroller.current?.focus();
  };
  const indexes = Array.from({ length: Math.max(0, sight.end - sight.first) }, (_, offset) => sight.first + offset);
  return (
    <div
      ref={scroller}
      role="grid"
      aria-label={t("changes.rows")}
      aria-rowcount={total + 1}
      aria-colcount={5}
      aria-multiselectable={choosing ? true : undefined}
      aria-activedescendant={shownTotal > 0 ? `${id}-${activeIndex}` : undefined}
      tabIndex={0}
      onKeyDown={onKeyDown}
      onScroll={(event) => setScrollTop(event.currentTarget.scrollTop)}
      className={styles.grid}
    >
      <div role="rowgroup" className={styles.head}>
        <div role="row" aria-rowindex={1} className={styles.row}>
          <div role="columnheader" className={styles.cell}>{names.left}</div>
          <div role="columnheader" className={classes(styles.cell, styles.middle)}>{t("changes.way")}</div>
          <div role="columnheader" className={styles.cell}>{names.right}</div>
          <div role="columnheader" className={styles.cell}>{t("changes.why")}</div>
          <div role="columnheader" className={classes(styles.cell, styles.end)}>{t("common.size")}</div>
        </div>
      </div>
      <div role="rowgroup" className={styles.body} style={{ height: shownTotal * ROW_HEIGHT }}>
        {indexes.map((index) => {
          const row = rowAt(index);
          return (
            <div
              key={index}
              id={`${id}-${index}`}
              role="row"
              aria-rowindex={index + 2}
              data-active={index === activeIndex || undefined}
              data-left-out={row?.choice === "skip" || undefined}
              data-chosen={(row !== undefined && row.choice !== null) || undefined}
              aria-selected={choosing ? isSelected(selection, index) : undefined}
              data-selected={isSelected(selection, index) || undefined}
              onMouseDown={onRowDown}
              onClick={(event) => onRowClick(event, index)}
              className={classes(styles.row, styles.dataRow)}
              style={{ height: ROW_HEIGHT, transform: `translateY(${index * ROW_HEIGHT}px)` }}
            >
              <div role="gridcell" className={styles.cell}>{row ? <Side row={row} side="left" /> : <span className={styles.absent}>…</span>}</div>
              <div role="gridcell" className={classes(styles.cell, styles.middle)}>
                {row && <Ways row={row} names={names} active={index === activeIndex} busy={choosing?.busy ?? true} onSay={(say) => choosing?.onSay(only(index).ranges, say)} />}
              </div>
              <div role="gridcell" className={styles.cell}>{row && <Side row={row} side="right" />}</div>
              <div role="gridcell" className={classes(styles.cell, styles.why)}>{row && <span title={whyWords(row, names)}>{whyWords(row, names)}</span>}</div>
              <div role="gridcell" className={classes(styles.cell, styles.end)}>{row && row.sizeBytes > 0 && <Size bytes={row.sizeBytes} />}</div>
            </div>
          );
        })}
      </div>
    </div>
  );
}
