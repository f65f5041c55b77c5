/** Adds a place: a new one, or a repository that is there already. */
import { useNavigate } from "@tanstack/react-router";
import { useState, type SubmitEvent } from "react";

import type { Place } from "../../api";
import { Button, LinkButton } from "../../components/Button";
import { FolderField } from "../../components/FolderField";
import { Field, PasswordInput, Radios, TextInput } from "../../components/Form";
import { tellDone } from "../../components/news";
import { Page } from "../../components/Page";
import { RecoveryKey } from "../../components/RecoveryKey";
import { ServerAccess } from "../../components/ServerAccess";
import { Trouble } from "../../components/Trouble";
import { useAct } from "../../lib/queries";
import { accessOf, isRemote, NO_ACCESS } from "../../lib/server";
import { t } from "../../text/text";
import { PasswordChoice } from "../welcome/PasswordChoice";
import { isPasswordReady, NO_PASSWORD } from "../welcome/answers";
import styles from "./Places.module.css";

function Created({ place, recoveryKey }: { place: Place; recoveryKey: string }) {
  const [confirmed, setConfirmed] = useState(false);
  const navigate = useNavigate();
  return (
    <div className={styles.form}>
      <RecoveryKey recoveryKey={recoveryKey} place={place.label} path={place.path.display} confirmed={confirmed} onConfirmed={setConfirmed} />
      <div className={styles.buttons}>
        <Button kind="primary" disabled={!confirmed} onClick={() => void navigate({ to: "/backup/new" })}>
          {t("add.make_plan")}
        </Button>
        <Button disabled={!confirmed} onClick={() => void navigate({ to: "/places" })}>
          {t("add.done")}
        </Button>
      </div>
    </div>
  );
}

function Form({ onCreated }: { onCreated: (place: Place, recoveryKey: string) => void }) {
  const navigate = useNavigate();
  const [kind, setKind] = useState<"new" | "existing">("new");
  const [folder, setFolder] = useState({ path: "", display: "" });
  const [access, setAccess] = useState(NO_ACCESS);
  const [label, setLabel] = useState("");
  const [own, setOwn] = useState(NO_PASSWORD);
  const [password, setPassword] = useState("");
  const [asked, setAsked] = useState(false);
  const create = useAct("repository.create", { renews: ["place"], onDone: (made) => onCreated(made.place, made.recoveryKey) });
  const add = useAct("repository.add", {
    renews: ["place"],
    onDone: (place) => {
      tellDone(t("add.created", { name: place.label }));
      void navigate({ to: "/places/$placeId", params: { placeId: place.id }, search: {} });
    },
  });
  const fresh = kind === "new";
  const ready = folder.path !== "" && (fresh ? isPasswordReady(own) : password !== "");
  const submit = () => {
    setAsked(true);
    if (!ready) return;
    const opened = accessOf(folder, access);
    const named = { ...(label.trim() === "" ? {} : { label: label.trim() }), ...(opened ? { access: opened } : {}) };
    if (fresh) create.mutate({ path: folder.path, ...named, ...(own.wanted ? { password: own.password } : {}) });
    else add.mutate({ path: folder.path, password, ...named });
  };
  const onSubmit = (event: SubmitEvent) => {
    event.preventDefault();
    submit();
  };
  const error = fresh ? create.error : add.error;
  return (
    <form onSubmit={onSubmit} noValidate className={styles.form}>
      <Radios
        label={t("add.kind")}
        value={kind}
        onValue={setKind}
        choices={[
          { value: "new", text: t("add.new"), note: t("add.new_note") },
          { value: "existing", text: t("add.existing"), note: t("add.existing_note") },
        ]}
      />
      <Field
        label={t("add.folder")}
        hint={fresh ? t("add.folder_new_hint", { example: "sftp://server/folder" }) : t("add.folder_existing_hint", { example: "sftp://server/folder" })}
        error={asked && folder.path === "" ? t("add.folder_missing") : undefined}
      >
        <FolderField value={folder} onValue={setFolder} />
      </Field>
      {isRemote(folder.display) && <ServerAccess access={access} onAccess={setAccess} />}
      <Field label={t("add.name")} hint={t("add.name_hint")}>
        <TextInput value={label} onValue={setLabel} />
      </Field>
      {fresh ? (
        <PasswordChoice value={own} onValue={setOwn} asked={asked} />
      ) : (
        <Field label={t("add.password")} error={asked && password === "" ? t("add.password_missing") : undefined}>
          <PasswordInput value={password} onValue={setPassword} />
        </Field>
      )}
      {error && <Trouble error={error.details} onRetry={submit} />}
      <div className={styles.buttons}>
        <Button type="submit" kind="primary" busy={create.isPending || add.isPending}>
          {fresh ? t("add.create") : t("add.add")}
        </Button>
        <LinkButton kind="quiet" to="/places">
          {t("common.cancel")}
        </LinkButton>
      </div>
    </form>
  );
}

export function AddPlace() {
  const [created, setCreated] = useState<{ place: Place; recoveryKey: string }>();
  return (
    <Page narrow heading={created ? t("add.created", { name: created.place.label }) : t("add.heading")} crumbs={[{ text: t("places.heading"), link: { to: "/places" } }]}>
      {created ? <Created {...created} /> : <Form onCreated={(place, recoveryKey) => setCreated({ place, recoveryKey })} />}
    </Page>
  );
}
