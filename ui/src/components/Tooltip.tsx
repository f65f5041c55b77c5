/** A short text beside the thing under the pointer or the focus. Never the only place of an information. */
import { Tooltip as Base } from "@base-ui/react/tooltip";
import type { ReactElement } from "react";

import styles from "./Overlay.module.css";

export function Tooltip({ text, children }: { text: string; children: ReactElement }) {
  return (
    <Base.Root>
      <Base.Trigger render={children} />
      <Base.Portal>
        <Base.Positioner sideOffset={6} className={styles.positioner}>
          <Base.Popup className={styles.tooltip}>{text}</Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
