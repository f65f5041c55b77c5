/** A run that halted: what was seen, what it may be, and the ways on, each with what it does. */
import { useNavigate } from "@tanstack/react-router";
import { Eye, RefreshCw } from "lucide-react";
import { useState } from "react";

import type { SyncBrake, SyncPair, SyncSide } from "../../api";
import { Button, LinkButton } from "../../components/Button";
import { Confirm } from "../../components/Dialog";
import { tellDone } from "../../components/news";
import { Notice } from "../../components/Page";
import { PathText } from "../../components/Values";
import { useAsk } from "../../lib/queries";
import { totalsWords } from "../../lib/runWords";
import { t } from "../../text/text";
import { useApply, useGiveUp, useLookAgain } from "./actions";
import type { PlaceNames } from "./names";
import styles from "./Sync.module.css";
import { brakeWords, isOfWhatIsGone } from "./words";

/** Brakes that are about a place as a whole: where it is tells which folder or drive to look at. */
const OF_PLACES: SyncBrake["kind"][] = ["rootEmptied", "rootGone", "anotherPlace", "noSpace"];

function Seen({ brake, pair, names }: { brake: SyncBrake; pair: SyncPair; names: PlaceNames }) {
  const words = brakeWords(brake, names, pair.mode);
  return (
    <Notice alert tone="asking" heading={words.heading}>
      {OF_PLACES.includes(brake.kind) && <PathText path={pair[brake.side].address.display} />}
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

/** What an answer changes, by the plan of the run, where there is one. */
function ByThePlan({ jobId, names, bringBack }: { jobId: string; names: PlaceNames; bringBack?: SyncSide }) {
  const plan = useAsk("sync.plan", { jobId, ...(bringBack === undefined ? {} : { bringBack }), limit: 1 });
  if (!plan.data) return null;
  const { left, right } = plan.data;
  return <p className={styles.quiet}>{t("brake.by_the_plan", { left: names.left, right: names.right, leftTotals: totalsWords(left), rightTotals: totalsWords(right) })}</p>;
}

/** A side that can be filled again from the other, with the brake that says so: one of more than what is gone there, where
 * such a brake held the run up, too, for then more comes back. */
export function waysBack(brakes: SyncBrake[]): SyncBrake[] {
  const can = brakes.filter((brake) => brake.canBringBack);
  const ordered = [...can.filter((brake) => !isOfWhatIsGone(brake)), ...can.filter(isOfWhatIsGone)];
  return ordered.filter((brake, index) => ordered.findIndex((first) => first.side === brake.side) === index);
}

/** Fills a side again. Where another place sits there, it is said first what that is: it becomes the pair's. */
function BringBack({ brake, pair, jobId, names, apply }: { brake: SyncBrake; pair: SyncPair; jobId: string; names: PlaceNames; apply: ReturnType<typeof useApply> }) {
  const [asking, setAsking] = useState(false);
  const words = brakeWords(brake, names, pair.mode).bringBack;
  const another = pair.haltedBy.find(({ kind, side }) => kind === "anotherPlace" && side === brake.side);
  if (words === undefined) return null;
  const bringBack = brake.side;
  const go = () => apply.mutate(another === undefined ? { jobId, bringBack } : { jobId, bringBack, release: [another.kind] });
  return (
    <li>
      <Button kind={canLook(pair.haltedBy) ? "primary" : "plain"} busy={apply.isPending} onClick={() => (another === undefined ? go() : setAsking(true))}>
        {words.text}
      </Button>
      <div className={styles.outcomeText}>
        <p>{words.means}</p>
        {canLook(pair.haltedBy) && <ByThePlan jobId={jobId} names={names} bringBack={bringBack} />}
      </div>
      {another !== undefined && (
        <Confirm open={asking} onClose={() => setAsking(false)} onConfirm={go} busy={apply.isPending} heading={t("brake.right_place")} confirm={words.text}>
          <p>
            {t("brake.there_now", {
              address: pair[brake.side].address.display,
              items: t("count.items", { count: another.items }),
              total: t("count.items", { count: another.outOf }),
            })}
          </p>
          <p>{words.means}</p>
        </Confirm>
      )}
    </li>
  );
}

export function Halted({ pair, jobId, names }: { pair: SyncPair; jobId: string; names: PlaceNames }) {
  const navigate = useNavigate();
  const apply = useApply();
  const giveUp = useGiveUp(t("changes.given_up"));
  const brakes = pair.haltedBy;
  const lookAgain = useLookAgain(pair);
  const busy = apply.isPending || giveUp.isPending || lookAgain.isPending;
  const goOn = brakes.map((brake) => brakeWords(brake, names, pair.mode).ifGoOn);
  return (
    <section aria-label={t("brake.heading")} className={styles.halted}>
      <h2>{t("brake.heading")}</h2>
      {brakes.map((brake) => (
        <Seen key={`${brake.kind} ${brake.side}`} brake={brake} pair={pair} names={names} />
      ))}
      <ul className={styles.outcomes}>
        {!canLook(brakes) && (
          <li>
            <Button kind="primary" icon={RefreshCw} busy={busy} onClick={() => lookAgain.mutate(jobId)}>
              {t("brake.look_again")}
            </Button>
            <p>{t("brake.look_again_means")}</p>
          </li>
        )}
        {waysBack(brakes).map((brake) => (
          <BringBack key={brake.side} brake={brake} pair={pair} jobId={jobId} names={names} apply={apply} />
        ))}
        {brakes.every((brake) => brake.canRelease) && (
          <li>
            <Button kind="danger" busy={busy} onClick={() => apply.mutate({ jobId, release: brakes.map((brake) => brake.kind) })}>
              {t("brake.go_on")}
            </Button>
            <div className={styles.outcomeText}>
              {[...new Set(goOn)].map((means) => (
                <p key={means}>{means}</p>
              ))}
              {canLook(brakes) && <ByThePlan jobId={jobId} names={names} />}
            </div>
          </li>
        )}
        {canLook(brakes) && (
          <li>
            <LinkButton icon={Eye} to="/sync/$pairId/plan" params={{ pairId: pair.id }}>
              {t("brake.look")}
            </LinkButton>
            <p>{t("brake.look_means")}</p>
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
    </section>
  );
}

/** Of a folder that is gone there is no plan: it could not be looked at. */
export function canLook(brakes: SyncBrake[]): boolean {
  return !brakes.some((brake) => brake.kind === "rootGone");
}
