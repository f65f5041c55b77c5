/** The passwords and recovery keys that open a place: never their secrets, except a new recovery key, once. */
import { FileKey, KeyRound } from "lucide-react";
import { useState } from "react";

import type { Place, RepositoryKey } from "../../api";
import { Button } from "../../components/Button";
import { Confirm, Dialog } from "../../components/Dialog";
import { Field, PasswordInput, TextInput } from "../../components/Form";
import { tellDone } from "../../components/news";
import { Loading, Section } from "../../components/Page";
import { RecoveryKey } from "../../components/RecoveryKey";
import { Trouble } from "../../components/Trouble";
import { formatMoment } from "../../lib/format";
import { repositoryOf, useAct, useAskPlace } from "../../lib/queries";
import { t } from "../../text/text";
import styles from "./Places.module.css";

const LEAST_LETTERS = 8;

function NewRecoveryKey({ place, recoveryKey, onClose }: { place: Place; recoveryKey: string; onClose: () => void }) {
  const [confirmed, setConfirmed] = useState(false);
  return (
    <Dialog
      open
      wide
      onClose={() => confirmed && onClose()}
      heading={t("key.heading")}
      footer={
        <Button kind="primary" disabled={!confirmed} onClick={onClose}>
          {t("add.done")}
        </Button>
      }
    >
      <RecoveryKey recoveryKey={recoveryKey} place={place.label} path={place.path.display} confirmed={confirmed} onConfirmed={setConfirmed} />
    </Dialog>
  );
}

function PasswordDialog({ place, onClose }: { place: Place; onClose: () => void }) {
  const [label, setLabel] = useState("");
  const [password, setPassword] = useState("");
  const [again, setAgain] = useState("");
  const add = useAct("repository.keyAdd", {
    renews: ["repository"],
    onDone: () => {
      tellDone(t("place.key_added"));
      onClose();
    },
  });
  const short = password !== "" && password.length < LEAST_LETTERS;
  const differs = again !== "" && again !== password;
  const ready = password.length >= LEAST_LETTERS && password === again;
  return (
    <Dialog
      open
      onClose={onClose}
      heading={t("place.key_add_password")}
      footer={
        <>
          <Button onClick={onClose}>{t("common.cancel")}</Button>
          <Button
            kind="primary"
            disabled={!ready}
            busy={add.isPending}
            onClick={() => add.mutate({ repository: repositoryOf(place.id), newPassword: password, ...(label.trim() === "" ? {} : { label: label.trim() }) })}
          >
            {t("place.key_add_password")}
          </Button>
        </>
      }
    >
      <Field label={t("place.key_label")} hint={t("place.key_label_hint")}>
        <TextInput value={label} onValue={setLabel} />
      </Field>
      <Field label={t("place.key_new_password")} error={short ? t("welcome.password_short") : undefined}>
        <PasswordInput value={password} onValue={setPassword} />
      </Field>
      <Field label={t("welcome.password_again")} error={differs ? t("welcome.password_differs") : undefined}>
        <PasswordInput value={again} onValue={setAgain} />
      </Field>
      {add.error && <Trouble error={add.error.details} placeId={place.id} />}
    </Dialog>
  );
}

function kindOf(key: RepositoryKey): string {
  return key.kind === "password" ? t("place.key_password") : t("place.key_recovery");
}

function nameOf(key: RepositoryKey): string {
  return key.label === "" ? kindOf(key) : key.label;
}

export function Keys({ place }: { place: Place }) {
  const answer = useAskPlace("repository.keys", place.id, {});
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<RepositoryKey>();
  const [recoveryKey, setRecoveryKey] = useState<string>();
  const makeRecovery = useAct("repository.keyAdd", { renews: ["repository"], onDone: (added) => added.recoveryKey !== null && setRecoveryKey(added.recoveryKey) });
  const remove = useAct("repository.keyRemove", {
    renews: ["repository"],
    onDone: () => {
      if (removing) tellDone(t("place.key_removed", { name: nameOf(removing) }));
      setRemoving(undefined);
    },
    onFailed: () => setRemoving(undefined),
  });
  const keys = answer.data?.keys ?? [];
  return (
    <Section
      heading={t("place.keys")}
      note={t("place.keys_note")}
      actions={
        <span className={styles.buttons}>
          <Button onClick={() => setAdding(true)}>{t("place.key_add_password")}</Button>
          <Button busy={makeRecovery.isPending} onClick={() => makeRecovery.mutate({ repository: repositoryOf(place.id) })}>
            {t("place.key_add_recovery")}
          </Button>
        </span>
      }
    >
      {answer.error && <Trouble error={answer.error.details} placeId={place.id} onRetry={() => void answer.refetch()} />}
      {makeRecovery.error && <Trouble error={makeRecovery.error.details} placeId={place.id} />}
      {remove.error && <Trouble error={remove.error.details} placeId={place.id} />}
      {answer.isPending && <Loading />}
      {keys.length > 0 && (
        <ul className={styles.keys}>
          {keys.map((key) => {
            const Icon = key.kind === "password" ? KeyRound : FileKey;
            return (
              <li key={key.id} className={styles.key}>
                <Icon aria-hidden="true" />
                <span className={styles.keyName}>{nameOf(key)}</span>
                {nameOf(key) !== kindOf(key) && <span className={styles.quiet}>{kindOf(key)}</span>}
                {key.createdMs !== null && <span className={styles.quiet}>{t("place.key_since", { when: formatMoment(key.createdMs) })}</span>}
                <Button kind="quiet" disabled={keys.length < 2} title={keys.length < 2 ? t("place.key_only") : undefined} onClick={() => setRemoving(key)}>
                  {t("place.key_remove")}
                </Button>
              </li>
            );
          })}
        </ul>
      )}
      {adding && <PasswordDialog place={place} onClose={() => setAdding(false)} />}
      {recoveryKey !== undefined && <NewRecoveryKey place={place} recoveryKey={recoveryKey} onClose={() => setRecoveryKey(undefined)} />}
      <Confirm
        open={removing !== undefined}
        danger
        onClose={() => setRemoving(undefined)}
        onConfirm={() => removing && remove.mutate({ repository: repositoryOf(place.id), keyId: removing.id })}
        busy={remove.isPending}
        heading={t("place.key_remove_heading", { name: removing ? nameOf(removing) : "" })}
        confirm={t("place.key_remove")}
      >
        {t("place.key_remove_text")}
      </Confirm>
    </Section>
  );
}
