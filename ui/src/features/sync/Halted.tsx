/** A run that halted: what was seen, what it may be, and the ways on, each with what it does. */
import { useNavigate } from "@tanstack/react-router";

import type { SyncBrake, SyncPair, SyncSide } from "../../api";
import { Button } from "../../components/Button";
import { tellDone } from "../../components/news";
import { Notice } from "../../components/Page";
import { PathText } from "../../components/Values";
import { t } from "../../text/text";
import { useApply, useGiveUp } from "./actions";
import { other, type PlaceNames } from "./names";
import styles from "./Sync.module.css";
import { brakeWords } from "./words";

function Seen({ brake, names }: { brake: SyncBrake; names: PlaceNames }) {
  const words = brakeWords(brake, names);
  return (
    <Notice alert tone="asking" heading={words.heading}>
      <p>{words.means}</p>
      {brake.examples.length > 0 && (
        <>
          <p className={styles.examplesHead}>{t("brake.examples")}</p>
          <ul className={styles.examples}>
            {brake.examples.map((example) => (
              <li key={example}>
                <PathText path={example} />
              </li>
            ))}
          </ul>
        </>
      )}
    </Notice>
  );
}

/** The side that could be filled again from the other, where a brake says so. */
function bringBackSide(brakes: SyncBrake[]): SyncSide | undefined {
  const sides = new Set(brakes.filter((brake) => brake.canBringBack).map((brake) => brake.side));
  return sides.size === 1 ? [...sides][0] : undefined;
}

export function Halted({ pair, jobId, names }: { pair: SyncPair; jobId: string; names: PlaceNames }) {
  const navigate = useNavigate();
  const apply = useApply();
  const giveUp = useGiveUp(t("changes.given_up"));
  const brakes = pair.haltedBy;
  const side = bringBackSide(brakes);
  const busy = apply.isPending || giveUp.isPending;
  return (
    <div className={styles.halted}>
      <h2>{t("brake.heading")}</h2>
      {brakes.map((brake) => (
        <Seen key={`${brake.kind} ${brake.side}`} brake={brake} names={names} />
      ))}
      <ul className={styles.outcomes}>
        {side !== undefined && (
          <li>
            <Button kind="primary" busy={busy} onClick={() => apply.mutate({ jobId, bringBack: side })}>
              {t("brake.bring_back", { place: names[other(side)] })}
            </Button>
            <p>{t("brake.bring_back_means", { there: names[side], place: names[other(side)] })}</p>
          </li>
        )}
        {brakes.every((brake) => brake.canRelease) && (
          <li>
            <Button kind="danger" busy={busy} onClick={() => apply.mutate({ jobId, release: brakes.map((brake) => brake.kind) })}>
              {t("brake.go_on")}
            </Button>
            {brakes.map((brake) => (
              <p key={`${brake.kind} ${brake.side}`}>{brakeWords(brake, names).ifGoOn}</p>
            ))}
          </li>
        )}
        <li>
          <Button
            busy={busy}
            onClick={() => {
              tellDone(t("brake.left_halted", { name: pair.name }));
              void navigate({ to: "/sync" });
            }}
          >
            {t("brake.leave")}
          </Button>
          <p>{t("brake.leave_means")}</p>
        </li>
        <li>
          <Button kind="quiet" busy={busy} onClick={() => giveUp.mutate({ jobId })}>
            {t("brake.stop")}
          </Button>
          <p>{t("brake.stop_means")}</p>
        </li>
      </ul>
    </div>
  );
}
