/** A new pair in four steps; the last one leads to the plan of the first run, before anything is changed. */
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";

import { call } from "../../api";
import { Radios } from "../../components/Form";
import { tellFailed } from "../../components/news";
import { Trouble } from "../../components/Trouble";
import { renew, useAct } from "../../lib/queries";
import { t } from "../../text/text";
import { HubWizard } from "./HubWizard";
import { LeftOutPart, namesOfFields, PlacesPart, SafetyPart, WayPart, WhenPart } from "./PairFields";
import { WizardFrame, type WizardStep } from "./WizardFrame";
import { FRESH_PAIR, pairFaults, toPairSave, type PairFault, type PairFields } from "./wizardState";

/** The faults that keep a step from being left. */
const OF_STEP: readonly (readonly PairFault[])[] = [
  ["left", "right", "same", "inside"],
  ["rules"],
  ["max", "folders", "minAge", "maxAge", "ages"],
  ["hours", "usual", "windows", "removed", "rewritten", "reserve", "binDays", "binSize"],
];
const NONE: ReadonlySet<PairFault> = new Set();

function TwoPlaces({ onKind }: { onKind: React.ReactNode }) {
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
  const part = { fields, names, faults: asked ? faults : NONE, change: (next: Partial<PairFields>) => setFields((before) => ({ ...before, ...next })) };
  const steps: WizardStep[] = [
    {
      title: t("pair.places"),
      lead: t("pair.places_lead"),
      content: (
        <>
          {onKind}
          <PlacesPart {...part} />
        </>
      ),
    },
    { title: t("pair.way"), lead: t("pair.way_lead"), content: <WayPart {...part} /> },
    { title: t("pair.left_out"), lead: t("pair.left_out_lead"), content: <LeftOutPart {...part} /> },
    {
      title: t("pair.when"),
      lead: t("pair.when_lead"),
      content: (
        <>
          <WhenPart {...part} />
          <SafetyPart {...part} />
        </>
      ),
    },
  ];
  return (
    <WizardFrame
      heading={t("pair.new")}
      steps={steps}
      step={step}
      finish={t("pair.show_plan")}
      note={t("pair.nothing_yet")}
      looks
      busy={save.isPending}
      trouble={save.error && <Trouble error={save.error.details} />}
      onBack={() => go(step - 1)}
      onNext={() => {
        if ((OF_STEP[step] ?? []).some((fault) => faults.has(fault))) setAsked(true);
        else if (step < steps.length - 1) go(step + 1);
        else void finish();
      }}
    />
  );
}

export function PairWizard() {
  const { hub } = useSearch({ from: "/sync/new" });
  const [kind, setKind] = useState<"two" | "several">(hub === undefined ? "two" : "several");
  const onKind = (
    <Radios<"two" | "several">
      quietLabel
      label={t("pair.new")}
      value={kind}
      onValue={setKind}
      choices={[
        { value: "two", text: t("hub.two"), note: t("hub.two_note") },
        { value: "several", text: t("hub.several"), note: t("hub.several_note") },
      ]}
    />
  );
  return kind === "two" ? <TwoPlaces onKind={onKind} /> : <HubWizard onKind={onKind} />;
}
