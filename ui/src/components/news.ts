/** What any part of the window calls to show short news (see Toasts). */
import { Toast } from "@base-ui/react/toast";

export const news = Toast.createToastManager();

/** Something went as asked. */
export function tellDone(title: string, description?: string): void {
  news.add({ title, description, type: "ok" });
}

/** Something did not work. Stays longer. */
export function tellFailed(title: string, description?: string): void {
  news.add({ title, description, type: "bad", timeout: 15_000, priority: "high" });
}
