/** Undoing all runs since a moment: what that would undo is seen first, and exactly these runs are undone. */
import { useState } from "react";

import type { SyncPair } from "../../api";
import { Button } from "../../components/Button";
import { Dialog } from "../../components/Dialog";
import { Field, TextInput } from "../../components/Form";
import { Loading } from "../../components/Page";
import { Trouble } from "../../components/Trouble";
import { useAsk } from "../../lib/queries";
import { t } from "../../text/text";
import { momentAmong } from "./moments";
import type { PlaceNames } from "./names";
import styles from "./Sync.module.css";
import { lookAt, newestOf, ofField, toField, type UndoLook } from "./undoSince";
import { UndoTotals } from "./UndoTotals";
import { afterUndoWords } from "./words";

/** As many as a pair remembers. */
const RUNS_LIMIT = 1_000;

interface UndoSinceProps {
  pair: SyncPair;
  names: PlaceNames;
  busy: boolean;
  onUndo: (runIds: string[]) => void;
  onClose: () => void;
}

function Look({ look, names, all }: { look: UndoLook; names: PlaceNames; all: readonly number[] }) {
  const first = look.runs.at(-1);
  if (first === undefined) return <p role="status">{t("runs.since_none")}</p>;
  return (
    <div role="status" className={styles.undoLook}>
      <strong>{t("runs.since_runs", { count: look.runs.length, when: momentAmong(first.startedMs, all) })}</strong>
      <UndoTotals names={names} counts={look} />
    </div>
  );
}

export function UndoSince({ pair, names, busy, onUndo, onClose }: UndoSinceProps) {
  const [chosen, setChosen] = useState<string>();
  const answer = useAsk("sync.runs", { pairId: pair.id, limit: RUNS_LIMIT });
  const runs = answer.data?.runs ?? [];
  const newest = newestOf(runs);
  // Until a person says another moment it is about the last run, and no more.
  const since = chosen ?? (newest ? toField(new Date(newest.startedMs)) : "");
  const sinceMs = ofField(since);
  const look = answer.data && sinceMs !== undefined ? lookAt(runs, sinceMs) : undefined;
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
        <Field label={t("runs.since_when")} error={answer.data !== undefined && newest !== undefined && sinceMs === undefined ? t("runs.since_whole") : undefined}>
          <TextInput type="datetime-local" step={1} value={since} onValue={setChosen} />
        </Field>
        {answer.error ? <Trouble error={answer.error.details} onRetry={() => void answer.refetch()} /> : answer.data === undefined ? <Loading /> : newest === undefined ? <p role="status">{t("runs.since_none_left")}</p> : look && <Look look={look} names={names} all={runs.map((run) => run.startedMs)} />}
        <p>
          {t("runs.since_text")} {afterUndoWords(pair)}
        </p>
      </div>
    </Dialog>
  );
}
