/**
 * Whether a server is the right one: its fingerprint, to be compared, and a yes that accepts exactly what was shown.
 *
 * Invariant: a server that shows another key than before has no button that accepts it.
 */
import { ServerCog } from "lucide-react";
import { useState } from "react";

import type { ApiError, ShownServer } from "../api";
import { queryClient, useAct } from "../lib/queries";
import { t } from "../text/text";
import { Button } from "./Button";
import { Dialog } from "./Dialog";
import { tellDone } from "./news";
import { ServerChanged } from "./ServerChanged";
import { TroubleText } from "./TroubleText";
import { Notice } from "./Page";
import { Facts } from "./Values";

function What({ server }: { server: ShownServer }) {
  return (
    <Facts
      facts={[
        { name: t("server.name"), value: t("server.name_port", { host: server.host, port: String(server.port) }) },
        { name: t("server.key_kind"), value: <code>{server.algorithm}</code> },
        { name: t("server.fingerprint"), value: <code>{server.fingerprint}</code> },
      ]}
    />
  );
}

function Question({ server, onClose, onAccepted }: { server: ShownServer; onClose: () => void; onAccepted: () => void }) {
  const accept = useAct("server.accept", {
    onDone: () => {
      onClose();
      tellDone(t("server.accepted", { host: server.host }));
      onAccepted();
    },
  });
  const { host, port, publicKey } = server;
  return (
    <Dialog
      open
      wide
      onClose={onClose}
      heading={t("server.question", { host })}
      footer={
        <>
          <Button onClick={onClose}>{t("server.no")}</Button>
          <Button kind="primary" busy={accept.isPending} onClick={() => accept.mutate({ host, port, publicKey })}>
            {t("server.yes")}
          </Button>
        </>
      }
    >
      <p>{t("server.compare")}</p>
      <What server={server} />
      <p>{t("server.means")}</p>
      {accept.error && (
        <Notice alert tone="bad" heading={accept.error.details.message}>
          <TroubleText error={accept.error.details} />
        </Notice>
      )}
    </Dialog>
  );
}

/** Below an error about a server: the question; of a changed key, what it may mean and how the old one is forgotten. */
export function ServerQuestion({ error, onAccepted }: { error: ApiError; onAccepted?: (() => void) | undefined }) {
  const [open, setOpen] = useState(false);
  const server = error.server;
  if (server === null) return null;
  if (error.code === "serverChanged") return <ServerChanged server={server} onForgotten={onAccepted} />;
  return (
    <>
      <p>
        <Button kind="primary" icon={ServerCog} onClick={() => setOpen(true)}>
          {t("server.look")}
        </Button>
      </p>
      {open && (
        <Question
          server={server}
          onClose={() => setOpen(false)}
          onAccepted={onAccepted ?? (() => void queryClient.invalidateQueries())}
        />
      )}
    </>
  );
}
