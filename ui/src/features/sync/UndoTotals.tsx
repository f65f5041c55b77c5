/** How many changes undoing takes back, in each place. */
import { t } from "../../text/text";
import type { PlaceNames } from "./names";
import styles from "./Sync.module.css";

export function UndoTotals({ names, counts }: { names: PlaceNames; counts: { left: number; right: number } }) {
  return (
    <dl className={styles.totals}>
      {(["left", "right"] as const).map((side) => (
        <div key={side}>
          <dt>{t("runs.changed_in", { place: names[side] })}</dt>
          <dd>{t("runs.since_changes", { count: counts[side] })}</dd>
        </div>
      ))}
    </dl>
  );
}
