/**
 * A server that shows another key than the one that was accepted: both fingerprints, what it may mean, and the way to
 * forget the old key.
 *
 * Invariants: nothing here accepts the new key: once the old one is forgotten, the server is looked at again and asked
 * about like one nobody knows. The button that forgets does nothing before a person has ticked that the keeper confirmed
 * the new fingerprint, and it is never the one the Enter key presses.
 */
import { ShieldAlert } from "lucide-react";
import { useState } from "react";

import type { ShownServer } from "../api";
import { addressOf, forgetLine } from "../lib/server";
import { queryClient, useAct } from "../lib/queries";
import { t } from "../text/text";
import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { Checkbox } from "./Form";
import { tellDone } from "./news";
import { Notice } from "./Page";
import styles from "./ServerChanged.module.css";
import { TroubleText } from "./TroubleText";
import { Facts, PathText } from "./Values";

/** The two keys, one below the other, so that their signs can be compared. */
function BothKeys({ server }: { server: ShownServer }) {
  return (
    <Facts
      facts={[
        { name: t("server.name"), value: t("server.name_port", { host: server.host, port: String(server.port) }) },
        { name: t("server.before"), value: <code>{server.known}</code> },
        { name: t("server.now"), value: <code>{server.fingerprint}</code> },
        { name: t("server.key_kind"), value: <code>{server.algorithm}</code> },
      ]}
    />
  );
}

/** The old key stands in the person's own files too: those are theirs to change. */
function Elsewhere({ server, files }: { server: ShownServer; files: readonly string[] }) {
  return (
    <Notice tone="warn" heading={t("server.elsewhere")}>
      <p>{t("server.elsewhere_text")}</p>
      {files.map((file) => (
        <PathText key={file} path={forgetLine(server, file)} copyable />
      ))}
    </Notice>
  );
}

function Forget({ server, onClose, onForgotten }: { server: ShownServer; onClose: () => void; onForgotten: () => void }) {
  const [confirmed, setConfirmed] = useState(false);
  const lookAgain = () => {
    onClose();
    onForgotten();
  };
  const forget = useAct("server.forget", {
    onDone: ({ wasKnown, elsewhere }) => {
      if (elsewhere.length > 0) return;
      if (wasKnown) tellDone(t("server.forgotten", { host: server.host }));
      lookAgain();
    },
  });
  const elsewhere = forget.data?.elsewhere ?? [];
  return (
    <Dialog
      open
      wide
      onClose={onClose}
      heading={t("server.forget_question", { host: server.host })}
      footer={
        elsewhere.length > 0 ? (
          <Button onClick={lookAgain}>{t("server.elsewhere_again")}</Button>
        ) : (
          <>
            <Button onClick={onClose}>{t("server.forget_no")}</Button>
            <Button kind="danger" disabled={!confirmed} busy={forget.isPending} onClick={() => forget.mutate({ address: addressOf(server) })}>
              {t("server.forget_do")}
            </Button>
          </>
        )
      }
    >
      <BothKeys server={server} />
      {elsewhere.length > 0 ? (
        <Elsewhere server={server} files={elsewhere} />
      ) : (
        <>
          <p>{t("server.forget_ask")}</p>
          <p>{t("server.forget_then")}</p>
          <Checkbox checked={confirmed} onChecked={setConfirmed} text={t("server.forget_tick")} note={t("server.forget_tick_note")} />
        </>
      )}
      {forget.error && (
        <Notice alert tone="bad" heading={forget.error.details.message}>
          <TroubleText error={forget.error.details} />
        </Notice>
      )}
    </Dialog>
  );
}

/** What a changed key is, below the error that tells of it. */
export function ServerChanged({ server, onForgotten }: { server: ShownServer; onForgotten?: (() => void) | undefined }) {
  const [open, setOpen] = useState(false);
  return (
    <div className={styles.changed}>
      <BothKeys server={server} />
      <p>{t("server.changed_means")}</p>
      <p>
        <Button icon={ShieldAlert} onClick={() => setOpen(true)}>
          {t("server.forget")}
        </Button>
      </p>
      {open && <Forget server={server} onClose={() => setOpen(false)} onForgotten={onForgotten ?? (() => void queryClient.invalidateQueries())} />}
    </div>
  );
}
