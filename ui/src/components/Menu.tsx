/** A list of actions behind one button. */
import { Menu as Base } from "@base-ui/react/menu";
import type { LucideIcon } from "lucide-react";
import { EllipsisVertical } from "lucide-react";

import { classes } from "../lib/classes";
import { IconButton } from "./Button";
import styles from "./Overlay.module.css";

export interface MenuAction {
  text: string;
  icon: LucideIcon;
  onSelect: () => void;
  disabled?: boolean;
  danger?: boolean;
}

export function Menu({ label, actions }: { label: string; actions: MenuAction[] }) {
  return (
    <Base.Root>
      <Base.Trigger render={<IconButton icon={EllipsisVertical} label={label} />} />
      <Base.Portal>
        <Base.Positioner sideOffset={4} align="end" className={styles.positioner}>
          <Base.Popup className={styles.menu}>
            {actions.map(({ text, icon: Icon, onSelect, disabled = false, danger = false }) => (
              <Base.Item
                key={text}
                disabled={disabled}
                onClick={onSelect}
                className={classes(styles.item, danger && styles.itemDanger)}
              >
                <Icon aria-hidden="true" className={styles.itemIcon} />
                {text}
              </Base.Item>
            ))}
          </Base.Popup>
        </Base.Positioner>
      </Base.Portal>
    </Base.Root>
  );
}
