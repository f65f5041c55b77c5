/** Undoing all runs since a moment: what that would undo is seen first, and exactly these runs are undone. */
import { useState } from "react";

import type { SyncPair } from "../../api";
import { Button } from "../../components/Button";
import { Dialog } from "../../components/Dialog";
import { Field, TextInput } from "../../components/Form";
import { Loading } from "../../components/Page";
import { Trouble } from "../../components/Trouble";
import { formatMoment } from "../../lib/format";
import { useAsk } from "../../lib/queries";
import { t } from "../../text/text";
import type { PlaceNames } from "./names";
import styles from "./Sync.module.css";
import { dayOf, lookAt, ofField, toField, type UndoLook } from "./undoSince";

/** As many as a pair remembers. */
const RUNS_LIMIT = 1_000;

interface UndoSinceProps {
  pair: SyncPair;
  names: PlaceNames;
  busy: boolean;
  onUndo: (runIds: string[]) => void;
  onClose: () => void;
}

function Look({ look, names }: { look: UndoLook; names: PlaceNames }) {
  const first = look.runs.at(-1);
  if (first === undefined) return <p role="status">{t("runs.since_none")}</p>;
  return (
    <div role="status" className={styles.undoLook}>
      <strong>{t("runs.since_runs", { count: look.runs.length, when: formatMoment(first.startedMs) })}</strong>
      <dl className={styles.totals}>
        {(["left", "right"] as const).map((side) => (
          <div key={side}>
            <dt>{t("runs.changed_in", { place: names[side] })}</dt>
            <dd>{t("runs.since_changes", { count: look[side] })}</dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

export function UndoSince({ pair, names, busy, onUndo, onClose }: UndoSinceProps) {
  const [since, setSince] = useState(() => toField(dayOf(Date.now())));
  const answer = useAsk("sync.runs", { pairId: pair.id, limit: RUNS_LIMIT });
  const sinceMs = ofField(since);
  const look = answer.data && sinceMs !== undefined ? lookAt(answer.data.runs, sinceMs) : undefined;
  const count = look?.runs.length ?? 0;
  return (
    <Dialog
      open
      onClose={onClose}
      heading={t("runs.since_heading")}
      footer={
        <>
          <Button onClick={onClose}>{t("common.cancel")}</Button>
          <Button kind="danger" busy={busy} disabled={count === 0} onClick={() => look && onUndo(look.runs.map((run) => run.runId))}>
            {t("runs.since_do", { count })}
          </Button>
        </>
      }
    >
      <div className={styles.form}>
        <Field label={t("runs.since_when")} error={sinceMs === undefined ? t("runs.since_whole") : undefined}>
          <TextInput type="datetime-local" value={since} onValue={setSince} />
        </Field>
        {answer.error ? <Trouble error={answer.error.details} onRetry={() => void answer.refetch()} /> : answer.data === undefined ? <Loading /> : look && <Look look={look} names={names} />}
        <p>{t("runs.since_text")}</p>
      </div>
    </Dialog>
  );
}
