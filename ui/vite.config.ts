/**
 * Builds the window. What leaves here runs under a strict content security policy: no inline script or style,
 * nothing inlined as a data address, nothing fetched from elsewhere.
 */
import { fileURLToPath } from "node:url";

import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const here = fileURLToPath(new URL(".", import.meta.url));
const webHost = process.env.KEEPWELL_WEB ?? "http://127.0.0.1:4174";

export default defineConfig({
  root: here,
  base: "./",
  plugins: [react({ babel: { plugins: [["babel-plugin-react-compiler", {}]] } })],
  build: {
    outDir: "../dist",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    // WebKitGTK of Debian 12 and the WebViews of supported Windows and macOS.
    target: ["es2022", "safari16.4"],
    modulePreload: { polyfill: false },
    sourcemap: false,
    // One file from the disk: there is no network to save.
    chunkSizeWarningLimit: 1500,
  },
  server: {
    port: 5173,
    strictPort: true,
    // For work on the interface: pages from Vite, data from a running `keepwell-web`.
    proxy: { "/api": { target: webHost } },
  },
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.ts", "src/**/*.test.tsx", "eslint/**/*.test.js"],
    env: { TZ: "UTC" },
    css: false,
  },
});
