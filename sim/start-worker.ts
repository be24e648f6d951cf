import { Worker, type WorkerOptions } from "node:worker_threads"

/**
 * Starts the worker whose entry is `<name>` next to this file: `.js` after the build, `.ts` in development.
 * A worker does not inherit the TypeScript loader, so in development it registers one first.
 */
export function startWorker(name: string, options: WorkerOptions): Worker {
    if (!import.meta.url.endsWith(".ts")) return new Worker(new URL(`./${name}.js`, import.meta.url), options)
    const entry = new URL(`./${name}.ts`, import.meta.url).href
    const loader = import.meta.resolve("tsx/esm/api")
    const bootstrap = `import(${JSON.stringify(loader)}).then(tsx => { tsx.register(); return import(${JSON.stringify(entry)}) })`
    return new Worker(bootstrap, { ...options, eval: true, execArgv: [] })
}
