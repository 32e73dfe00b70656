// Builds the page into the Python package. The output is committed, has no hashes in its names, and depends on
// nothing but these sources and the versions in package-lock.json.
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  base: "/static/",
  build: {
    outDir: process.env.PAGE_OUTPUT ?? here("../src/pixelwise/serve/static"),
    emptyOutDir: true,
    modulePreload: false,
    assetsInlineLimit: 0,
    rollupOptions: {
      input: { index: here("index.html"), api: here("api.html") },
      output: {
        entryFileNames: "[name].js",
        chunkFileNames: "[name].js",
        assetFileNames: "[name][extname]",
      },
    },
  },
  server: { proxy: { "/v1": "http://127.0.0.1:8000", "/openapi.json": "http://127.0.0.1:8000" } },
});
