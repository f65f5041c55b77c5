/** Several places kept the same through one hub: a new one in four steps, or more places for one that is there in one. */
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";

import type { SyncPair } from "../../api";
import { tellDone } from "../../components/news";
import { Loading } from "../../components/Page";
import { Trouble } from "../../components/Trouble";
import { baseName } from "../../lib/path";
import { NO_ACCESS } from "../../lib/server";
import { useAct, useAsk } from "../../lib/queries";
import { t } from "../../text/text";
import { HubPlaces } from "./HubPlaces";
import { hubFaults, isFaulty, NO_PLACE, toHubSave, type OtherPlace } from "./hubState";
import { LeftOutPart, SafetyPart, WayPart, WhenPart } from "./PairFields";
import { WizardFrame, type WizardStep } from "./WizardFrame";
import { FRESH_PAIR, fromPair, NOWHERE, pairFaults, type PairFault, type PairFields } from "./wizardState";

const NONE: ReadonlySet<PairFault> = new Set();
const OF_STEP: readonly (readonly PairFault[])[] = [
  [],
  ["rules"],
  ["max", "folders", "minAge", "maxAge", "ages"],
  ["hours", "usual", "windows", "removed", "rewritten", "reserve", "binDays", "binSize"],
];

function Wizard({ like, onKind }: { like: SyncPair | undefined; onKind: React.ReactNode }) {
  const navigate = useNavigate();
  const [step, setStep] = useState(0);
  const [asked, setAsked] = useState(false);
  const [fields, setFields] = useState<PairFields>(() => (like ? { ...fromPair(like), right: NOWHERE, rightAccess: NO_ACCESS, name: "" } : FRESH_PAIR));
  const [others, setOthers] = useState<readonly OtherPlace[]>(like ? [NO_PLACE] : [NO_PLACE, NO_PLACE]);
  const save = useAct("sync.hubSave", {
    renews: ["sync", "scheduler"],
    onDone: ({ pairs }) => {
      tellDone(t("hub.saved", { name: pairs[0]?.group?.name ?? "", count: pairs.length }));
      void navigate({ to: "/sync" });
    },
  });
  const places = hubFaults(fields.left, others);
  const faults = pairFaults({ ...fields, right: others[0]?.place ?? NOWHERE });
  const change = (next: Partial<PairFields>) => setFields((before) => ({ ...before, ...next }));
  const hub = fields.left.display.trim() === "" ? t("hub.the_hub") : baseName(fields.left.display.trim());
  const part = {
    fields: { ...fields, mode: "twoWay" as const, right: others[0]?.place ?? NOWHERE, rightAccess: others[0]?.access ?? NO_ACCESS },
    names: { left: hub, right: t("hub.the_other") },
    faults: asked ? faults : NONE,
    change,
  };
  const all: WizardStep[] = [
    {
      title: t("hub.places"),
      lead: t("hub.places_lead"),
      content: (
        <>
          {onKind}
          <HubPlaces fields={fields} change={change} known={like?.left.address} others={others} onOthers={setOthers} faults={asked ? places : undefined} />
        </>
      ),
    },
    { title: t("hub.conflicts"), lead: t("hub.conflicts_lead"), content: <WayPart bothWays {...part} /> },
    { title: t("pair.left_out"), lead: t("hub.left_out_lead"), content: <LeftOutPart {...part} /> },
    {
      title: t("pair.when"),
      lead: t("hub.when_lead"),
      content: (
        <>
          <WhenPart {...part} />
          <SafetyPart {...part} />
        </>
      ),
    },
  ];
  const steps = like ? all.slice(0, 1) : all;
  const isWrong = step === 0 ? isFaulty(places) : (OF_STEP[step] ?? []).some((fault) => faults.has(fault));
  const go = (next: number) => {
    setAsked(false);
    setStep(next);
  };
  return (
    <WizardFrame
      heading={like?.group ? t("hub.add_to", { name: like.group.name }) : t("pair.new")}
      steps={steps}
      step={step}
      finish={like ? t("hub.add_do") : t("hub.save")}
      note={t("hub.nothing_yet")}
      busy={save.isPending}
      trouble={save.error && <Trouble error={save.error.details} />}
      onBack={() => go(step - 1)}
      onNext={() => {
        if (isWrong) setAsked(true);
        else if (step < steps.length - 1) go(step + 1);
        else save.mutate(toHubSave(fields, others, like?.group?.id));
      }}
    />
  );
}

export function HubWizard({ onKind }: { onKind: React.ReactNode }) {
  const { hub } = useSearch({ from: "/sync/new" });
  const pairs = useAsk("sync.pairs", {}, { enabled: hub !== undefined });
  if (hub === undefined) return <Wizard like={undefined} onKind={onKind} />;
  if (pairs.error) return <Trouble error={pairs.error.details} />;
  const like = pairs.data?.pairs.find((pair) => pair.group?.id === hub);
  return pairs.data ? <Wizard like={like} onKind={like ? null : onKind} /> : <Loading />;
}
