/** What can be done with a place: check, rename, forget; each asks what has to be asked. */
import { useNavigate } from "@tanstack/react-router";
import { PencilLine, ShieldCheck, Unplug } from "lucide-react";
import { useState } from "react";

import { type CheckLevel, type Place } from "../../api";
import { Button } from "../../components/Button";
import { Confirm, Dialog } from "../../components/Dialog";
import { Checkbox, Field, Radios, TextInput } from "../../components/Form";
import { Menu } from "../../components/Menu";
import { tellDone, tellFailed } from "../../components/news";
import { Notice } from "../../components/Page";
import { Trouble } from "../../components/Trouble";
import { formatBytes } from "../../lib/format";
import { repositoryOf, useAct } from "../../lib/queries";
import { t } from "../../text/text";
import styles from "./Places.module.css";

function CheckDialog({ place, onClose }: { place: Place; onClose: () => void }) {
  const [level, setLevel] = useState<CheckLevel>("quick");
  const [repair, setRepair] = useState(false);
  const navigate = useNavigate();
  const stored = place.health?.storedBytes;
  const start = useAct("place.check", {
    renews: ["job"],
    onDone: ({ jobId }) => {
      onClose();
      void navigate({ to: "/activity/$jobId", params: { jobId } });
    },
  });
  return (
    <Dialog
      open
      onClose={onClose}
      heading={t("place.check_heading", { name: place.label })}
      footer={
        <>
          <Button onClick={onClose}>{t("common.cancel")}</Button>
          <Button kind="primary" busy={start.isPending} onClick={() => start.mutate({ repository: repositoryOf(place.id), level, repair })}>
            {t("place.check_start")}
          </Button>
        </>
      }
    >
      <Radios<CheckLevel>
        label={t("place.check_level")}
        value={level}
        onValue={setLevel}
        choices={[
          { value: "quick", text: t("place.level_quick"), note: t("place.level_quick_note") },
          {
            value: "full",
            text: t("place.level_full"),
            note: stored === null || stored === undefined ? t("place.level_full_note_plain") : t("place.level_full_note", { size: formatBytes(stored) }),
          },
        ]}
      />
      <Checkbox checked={repair} onChecked={setRepair} text={t("place.repair")} note={t("place.repair_note")} />
      {start.error && <Trouble error={start.error.details} placeId={place.id} />}
    </Dialog>
  );
}

function RenameDialog({ place, onClose }: { place: Place; onClose: () => void }) {
  const [label, setLabel] = useState(place.label);
  const rename = useAct("place.rename", {
    renews: ["place"],
    onDone: (answer) => {
      tellDone(t("place.renamed", { name: answer.label }));
      onClose();
    },
  });
  const submit = () => rename.mutate({ placeId: place.id, label: label.trim() });
  return (
    <Dialog
      open
      onClose={onClose}
      heading={t("place.rename_heading")}
      footer={
        <>
          <Button onClick={onClose}>{t("common.cancel")}</Button>
          <Button kind="primary" busy={rename.isPending} disabled={label.trim() === ""} onClick={submit}>
            {t("place.rename")}
          </Button>
        </>
      }
    >
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (label.trim() !== "") submit();
        }}
      >
        <Field label={t("common.name")}>
          <TextInput value={label} onValue={setLabel} />
        </Field>
      </form>
      {rename.error && <Trouble error={rename.error.details} />}
    </Dialog>
  );
}

function ForgetDialog({ place, onClose }: { place: Place; onClose: () => void }) {
  const navigate = useNavigate();
  const forget = useAct("place.forget", {
    renews: ["place"],
    onDone: () => {
      tellDone(t("place.forgotten", { name: place.label }));
      onClose();
      void navigate({ to: "/places" });
    },
    onFailed: (failure) => tellFailed(failure.message, failure.details.hint ?? undefined),
  });
  if (place.plans > 0) {
    return (
      <Dialog open onClose={onClose} heading={t("place.forget_heading", { name: place.label })} footer={<Button onClick={onClose}>{t("common.close")}</Button>}>
        <Notice tone="warn" heading={t("place.forget_plans", { count: place.plans })} />
      </Dialog>
    );
  }
  return (
    <Confirm
      open
      danger
      onClose={onClose}
      onConfirm={() => forget.mutate({ placeId: place.id })}
      busy={forget.isPending}
      heading={t("place.forget_heading", { name: place.label })}
      confirm={t("place.forget")}
    >
      {t("place.forget_text", { path: place.path.display })}
    </Confirm>
  );
}

export function PlaceActions({ place }: { place: Place }) {
  const [open, setOpen] = useState<"check" | "rename" | "forget">();
  const close = () => setOpen(undefined);
  return (
    <div className={styles.actions}>
      <Button icon={ShieldCheck} onClick={() => setOpen("check")}>
        {t("place.check_now")}
      </Button>
      <Menu
        label={t("places.more", { name: place.label })}
        actions={[
          { text: t("place.rename"), icon: PencilLine, onSelect: () => setOpen("rename") },
          { text: t("place.forget"), icon: Unplug, danger: true, onSelect: () => setOpen("forget") },
        ]}
      />
      {open === "check" && <CheckDialog place={place} onClose={close} />}
      {open === "rename" && <RenameDialog place={place} onClose={close} />}
      {open === "forget" && <ForgetDialog place={place} onClose={close} />}
    </div>
  );
}
