/**
 * The plan's table with the rows that are selected in it, and what can be said to all of them at once.
 *
 * Invariant: it is about the rows of one question; with another one it is made anew, with nothing selected.
 */
import { useRef, useState } from "react";

import type { SyncSay } from "../../api";
import { Button } from "../../components/Button";
import { t } from "../../text/text";
import type { PlaceNames } from "./names";
import type { PlanRows } from "./planRows";
import { PlanTable } from "./PlanTable";
import { allOf, countOf, NOTHING, type Range } from "./selection";
import styles from "./Sync.module.css";

interface PlanChoiceProps {
  names: PlaceNames;
  rows: PlanRows;
  onSight: (first: number, end: number) => void;
  busy: boolean;
}

/** What can be said to many at once, wherever they are to go. */
const WORDS = ["skip", "otherWay", "asPlanned"] as const;

export function PlanChoice({ names, rows, onSight, busy }: PlanChoiceProps) {
  const [selection, setSelection] = useState(NOTHING);
  const grid = useRef<HTMLDivElement>(null);
  const count = countOf(selection);
  const say = (ranges: readonly Range[], word: SyncSay) => {
    const isEveryRow = countOf({ ranges, anchor: undefined }) === rows.total;
    rows.choose(isEveryRow ? undefined : ranges, word);
    // Where its rows are after that is for the new plan to say.
    setSelection(NOTHING);
    grid.current?.focus();
  };
  return (
    <>
      <div role="group" aria-label={t("changes.bulk")} className={styles.planBulk}>
        {count === 0 ? (
          <Button disabled={busy} onClick={() => setSelection(allOf(rows.total))}>
            {t("changes.select_all", { count: rows.total })}
          </Button>
        ) : (
          <Button onClick={() => setSelection(NOTHING)}>{t("changes.select_none")}</Button>
        )}
        <span role="status" className={styles.planBulkWords}>
          {count === 0 ? (
            <span className={styles.quiet}>{t("changes.select_hint")}</span>
          ) : (
            <>
              <strong>{t("changes.selected", { count })}</strong>
              <span className={styles.quiet}>{t("changes.selected_below")}</span>
            </>
          )}
        </span>
        <span className={styles.planBulkDo}>
          {WORDS.map((word) => (
            <Button key={word} disabled={busy || count === 0} onClick={() => say(selection.ranges, word)}>
              {t(`changes.say.${word}`)}
            </Button>
          ))}
        </span>
      </div>
      <PlanTable names={names} total={rows.total} rowAt={rows.rowAt} onSight={onSight} choosing={{ selection, onSelect: setSelection, onSay: say, busy, grid }} />
    </>
  );
}
