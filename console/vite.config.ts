import { defineConfig } from "vite"

/** Plain files that the server serves at /console/: nothing is fetched from anywhere else, nothing is inlined. */
export default defineConfig({
    root: import.meta.dirname,
    base: "/console/",
    oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
    build: {
        outDir: "../dist/console",
        emptyOutDir: true,
        target: "es2023",
        cssTarget: "chrome123",
        assetsInlineLimit: 0,
        modulePreload: { polyfill: false },
        reportCompressedSize: false,
    },
})
