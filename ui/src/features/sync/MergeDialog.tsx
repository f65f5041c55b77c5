/** The text that merging would make, before it is made: every line that came in or goes, and from whom. */
import type { MergedLine, MergedText } from "../../api";
import { Button } from "../../components/Button";
import { Dialog } from "../../components/Dialog";
import { t } from "../../text/text";
import styles from "./Conflict.module.css";
import type { PlaceNames } from "./names";

function byWhom(line: MergedLine, names: PlaceNames): string {
  if (line.byLeft && line.byRight) return t("merge.by_both");
  return line.byLeft ? names.left : line.byRight ? names.right : "";
}

/** The side a line is coloured by: the second where both did the same. */
function sideOf(line: MergedLine): "left" | "right" | "same" {
  if (line.byRight) return "right";
  return line.byLeft ? "left" : "same";
}

/** Where unchanged lines were left out, their numbers are missing. */
function withGaps(lines: readonly MergedLine[]): (MergedLine | "gap")[] {
  let last = 0;
  return lines.flatMap((line) => {
    const isGap = line.number !== null && line.number > last + 1;
    last = line.number ?? last;
    return isGap ? (["gap", line] as const) : [line];
  });
}

function Row({ line, names }: { line: MergedLine; names: PlaceNames }) {
  const side = sideOf(line);
  const change = side === "same" ? "" : line.number === null ? t("merge.taken_out") : t("merge.brought_in");
  return (
    <tr>
      <td className={styles.mergedBy}>{side === "same" ? "" : t("merge.by", { change, who: byWhom(line, names) })}</td>
      <td data-kind={side} data-gone={line.number === null || undefined}>
        <span className={styles.number}>{line.number ?? ""}</span>
        <span className={styles.lineText}>{line.text === "" ? " " : line.text}</span>
      </td>
    </tr>
  );
}

interface MergeDialogProps {
  open: boolean;
  merged: MergedText;
  names: PlaceNames;
  name: string;
  busy: boolean;
  onClose: () => void;
  onMerge: () => void;
}

export function MergeDialog({ open, merged, names, name, busy, onClose, onMerge }: MergeDialogProps) {
  return (
    <Dialog
      open={open}
      onClose={onClose}
      heading={t("merge.heading", { name })}
      wide
      footer={
        <>
          <Button onClick={onClose}>{t("common.cancel")}</Button>
          <Button kind="primary" busy={busy} onClick={onMerge}>
            {t("conflict.merge")}
          </Button>
        </>
      }
    >
      <p>{t("merge.lead")}</p>
      <div className={styles.linesBox} tabIndex={0} role="region" aria-label={t("merge.text")}>
        <table className={styles.lines} data-merged="true">
          <thead>
            <tr>
              <th scope="col">{t("merge.who")}</th>
              <th scope="col">{t("merge.text")}</th>
            </tr>
          </thead>
          <tbody>
            {withGaps(merged.lines).map((line, index) =>
              line === "gap" ? (
                <tr key={index} className={styles.gap}>
                  <td colSpan={2}>{t(index === 0 ? "conflict.gap_above" : "conflict.gap")}</td>
                </tr>
              ) : (
                <Row key={index} line={line} names={names} />
              ),
            )}
          </tbody>
        </table>
      </div>
      {!merged.whole && <p>{t("merge.not_all")}</p>}
      <p>{t("conflict.merge_means", { ...names, name })}</p>
    </Dialog>
  );
}
