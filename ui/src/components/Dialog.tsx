/** A question or a small form above the page. Escape and the cross close it; the focus goes back where it was. */
import { AlertDialog as Alert } from "@base-ui/react/alert-dialog";
import { Dialog as Base } from "@base-ui/react/dialog";
import { X } from "lucide-react";
import type { ReactNode } from "react";

import { classes } from "../lib/classes";
import { t } from "../text/text";
import { Button, IconButton } from "./Button";
import styles from "./Overlay.module.css";

interface DialogProps {
  open: boolean;
  onClose: () => void;
  heading: string;
  wide?: boolean;
  footer?: ReactNode;
  children: ReactNode;
}

export function Dialog({ open, onClose, heading, wide = false, footer, children }: DialogProps) {
  return (
    <Base.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Base.Portal>
        <Base.Backdrop className={styles.backdrop} />
        <Base.Popup className={classes(styles.dialog, wide && styles.wide)}>
          <div className={styles.dialogHead}>
            <Base.Title className={styles.dialogTitle}>{heading}</Base.Title>
            <Base.Close render={<IconButton icon={X} label={t("common.close")} small />} />
          </div>
          <div className={styles.dialogBody}>{children}</div>
          {footer !== undefined && <div className={styles.dialogFoot}>{footer}</div>}
        </Base.Popup>
      </Base.Portal>
    </Base.Root>
  );
}

interface ConfirmProps {
  open: boolean;
  onClose: () => void;
  onConfirm: () => void;
  heading: string;
  confirm: string;
  busy?: boolean;
  danger?: boolean;
  children: ReactNode;
}

/** A step that is not taken by accident: says what happens, and names the button by its outcome. */
export function Confirm({ open, onClose, onConfirm, heading, confirm, busy = false, danger = false, children }: ConfirmProps) {
  return (
    <Alert.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Alert.Portal>
        <Alert.Backdrop className={styles.backdrop} />
        <Alert.Popup className={styles.dialog}>
          <div className={styles.dialogHead}>
            <Alert.Title className={styles.dialogTitle}>{heading}</Alert.Title>
          </div>
          <Alert.Description render={<div />} className={classes(styles.dialogBody, styles.dialogText)}>
            {children}
          </Alert.Description>
          <div className={styles.dialogFoot}>
            <Alert.Close render={<Button />}>{t("common.cancel")}</Alert.Close>
            <Button kind={danger ? "danger" : "primary"} busy={busy} onClick={onConfirm}>
              {confirm}
            </Button>
          </div>
        </Alert.Popup>
      </Alert.Portal>
    </Alert.Root>
  );
}
