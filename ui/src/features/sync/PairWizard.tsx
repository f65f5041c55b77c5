/** A new pair in four steps; the last one leads to the plan of the first run, before anything is changed. */
import { useNavigate } from "@tanstack/react-router";
import { ArrowLeft, Eye } from "lucide-react";
import { useState } from "react";

import { call } from "../../api";
import { Button } from "../../components/Button";
import { tellFailed } from "../../components/news";
import { Page, Section } from "../../components/Page";
import { Trouble } from "../../components/Trouble";
import { renew, useAct } from "../../lib/queries";
import { t } from "../../text/text";
import { LeftOutPart, namesOfFields, PlacesPart, SafetyPart, WayPart, WhenPart } from "./PairFields";
import styles from "./Sync.module.css";
import { FRESH_PAIR, pairFaults, toPairSave, type PairFault, type PairFields } from "./wizardState";

const STEPS = 4;
/** The faults that keep a step from being left. */
const OF_STEP: readonly (readonly PairFault[])[] = [
  ["left", "right", "same", "inside"],
  ["rules"],
  ["max", "folders", "minAge", "maxAge", "ages"],
  ["hours", "usual", "windows", "removed", "rewritten", "reserve", "binDays", "binSize"],
];
const NONE: ReadonlySet<PairFault> = new Set();

export function PairWizard() {
  const navigate = useNavigate();
  const [step, setStep] = useState(0);
  const [asked, setAsked] = useState(false);
  const [fields, setFields] = useState<PairFields>(FRESH_PAIR);
  const save = useAct("sync.pairSave", { renews: ["sync", "scheduler"] });
  const faults = pairFaults(fields);
  const names = namesOfFields(fields, undefined);
  const go = (next: number) => {
    setAsked(false);
    setStep(next);
  };
  const finish = async () => {
    const pair = await save.mutateAsync(toPairSave(fields, undefined)).catch(() => undefined);
    if (!pair) return;
    const looking = await call("sync.run", { pairId: pair.id, preview: true }).catch((failure: unknown) => {
      tellFailed(failure instanceof Error ? failure.message : String(failure));
      return undefined;
    });
    renew("sync", "job");
    if (looking) await navigate({ to: "/sync/$pairId/plan", params: { pairId: pair.id } });
    else await navigate({ to: "/sync/$pairId", params: { pairId: pair.id }, search: {} });
  };
  const goOn = () => {
    if ((OF_STEP[step] ?? []).some((fault) => faults.has(fault))) setAsked(true);
    else if (step < STEPS - 1) go(step + 1);
    else void finish();
  };
  const titles = [t("pair.places"), t("pair.way"), t("pair.left_out"), t("pair.when")];
  const leads = [t("pair.places_lead"), t("pair.way_lead"), t("pair.left_out_lead"), t("pair.when_lead")];
  const part = { fields, names, faults: asked ? faults : NONE, change: (next: Partial<PairFields>) => setFields((before) => ({ ...before, ...next })) };
  const last = step === STEPS - 1;
  return (
    <Page narrow heading={t("pair.new")} crumbs={[{ text: t("sync.heading"), link: { to: "/sync" } }]}>
      <form
        noValidate
        className={styles.form}
        onSubmit={(event) => {
          event.preventDefault();
          goOn();
        }}
      >
        <ol aria-hidden="true" className={styles.steps}>
          {titles.map((title, index) => (
            <li key={title} data-state={index < step ? "done" : index === step ? "now" : "later"}>
              {title}
            </li>
          ))}
        </ol>
        <p className="only-spoken" role="status">
          {t("pair.step", { step: step + 1, total: STEPS })}
        </p>
        <Section heading={titles[step] ?? ""} note={leads[step]}>
          {step === 0 && <PlacesPart {...part} />}
          {step === 1 && <WayPart {...part} />}
          {step === 2 && <LeftOutPart {...part} />}
          {step === 3 && (
            <>
              <WhenPart {...part} />
              <SafetyPart {...part} />
            </>
          )}
        </Section>
        {save.error && <Trouble error={save.error.details} />}
        <div className={styles.buttons}>
          {step > 0 && (
            <Button icon={ArrowLeft} onClick={() => go(step - 1)}>
              {t("common.back")}
            </Button>
          )}
          <Button type="submit" kind="primary" {...(last ? { icon: Eye } : {})} busy={save.isPending}>
            {last ? t("pair.show_plan") : t("common.continue")}
          </Button>
          {last && <span className={styles.quiet}>{t("pair.nothing_yet")}</span>}
        </div>
      </form>
    </Page>
  );
}
