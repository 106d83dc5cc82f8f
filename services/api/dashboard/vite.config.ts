import { defineConfig } from "vite";

// A running api, for `npm run dev` and for pictures; the built files know no address.
const api = process.env["WEIR_API"] ?? "http://127.0.0.1:9347";
const proxy = { "/v1": api, "/api": api, "/openapi.json": api };

export default defineConfig({
  base: "/dashboard/",
  build: { target: "es2022", assetsInlineLimit: 0, modulePreload: false },
  server: { proxy },
  preview: { proxy },
});
