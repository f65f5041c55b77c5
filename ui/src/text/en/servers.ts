/** Servers: what opens them, and whether they are the right ones. */
import type { Catalogue } from "../catalogue";

export const servers = {
  "server.user": "Account or access key",
  "server.secret": "Password or secret key",
  "server.secret_hint": "Kept by this computer's keyring, never in a plan. Leave both empty where a key of yours opens it, or where it is known already.",
  "server.look": "Look at this server…",
  "server.question": "Is {host} the right server?",
  "server.compare": "Nobody has said so yet on this computer. Compare the fingerprint below with the one the server's keeper gives you, sign by sign.",
  "server.means": "If you accept it, the server has to show this very key from now on. Nothing was sent to it yet.",
  "server.name": "Server",
  "server.name_port": "{host}, port {port}",
  "server.key_kind": "Kind of key",
  "server.fingerprint": "Fingerprint",
  "server.known": "Accepted before",
  "server.yes": "The fingerprint is right: accept",
  "server.no": "Do not accept",
  "server.accepted": "{host} is accepted",
  "server.changed_next":
    "This may not be your server: somebody may stand in between, who would read and change everything. It can not be accepted here by a click. If its keeper confirms the new key, take the old one back in a terminal (keepwell place distrust sftp://…); then you are asked about the new one.",
} as const satisfies Catalogue;
