/** Versions over time: each version's share of the fleet, stacked. */
import { useEffect, useRef } from "preact/hooks"
import type uPlot from "uplot"
import type { FleetHistory } from "../documents.ts"
import { number } from "../format.ts"

export interface ChartSeries {
    readonly version: string
    /** One of the palette's places. */
    readonly color: number
}

interface Props {
    readonly history: FleetHistory
    /** What runs now. */
    readonly current: ReadonlyMap<string, number>
    /** From the bottom up. */
    readonly series: readonly ChartSeries[]
}

const HEIGHT = 220
const SPAN_MIN_MS = 60_000

export function VersionsChart({ history, current, series }: Props) {
    const place = useRef<HTMLDivElement>(null)
    const names = series.map(one => one.version).join(" ")
    const latest = useRef<uPlot.AlignedData>([[]])
    latest.current = stack(history, current, series)
    const shown = useRef(history)
    shown.current = history
    const chart = useRef<uPlot | undefined>(undefined)
    useEffect(() => {
        let gone = false
        const stops: (() => void)[] = []
        void import("uplot").then(({ default: UPlot }) => {
            const target = place.current
            if (gone || target === null) return
            const draw = (): void => {
                chart.current?.destroy()
                chart.current = new UPlot(options(UPlot, target, series, shown.current), latest.current, target)
            }
            draw()
            const resized = new ResizeObserver(() => chart.current?.setSize({ width: target.clientWidth, height: HEIGHT }))
            resized.observe(target)
            const dark = matchMedia("(prefers-color-scheme: dark)")
            dark.addEventListener("change", draw)
            const themed = new MutationObserver(draw)
            themed.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] })
            stops.push(() => resized.disconnect(), () => dark.removeEventListener("change", draw), () => themed.disconnect())
        })
        return () => {
            gone = true
            for (const stop of stops) stop()
            chart.current?.destroy()
            chart.current = undefined
        }
    }, [names, history.from])
    useEffect(() => chart.current?.setData(latest.current))
    const said = series.map(one => `${one.version}: ${number(current.get(one.version) ?? 0)}`).join(", ")
    return <div class="chart" ref={place} role="img" aria-label={`Devices by version over time. Now: ${said}`} />
}

/** uPlot draws from the back: the topmost sum comes first. */
function stack(history: FleetHistory, current: ReadonlyMap<string, number>, series: readonly ChartSeries[]): uPlot.AlignedData {
    const points = [...history.samples.map(sample => ({ at: Date.parse(sample.at) / 1000, of: (v: string) => sample.devices[v] ?? 0 }))]
    points.push({ at: Math.max(Date.parse(history.to), Date.now()) / 1000, of: v => current.get(v) ?? 0 })
    const sums = series.map((_, top) => points.map(point => series.slice(0, top + 1).reduce((sum, one) => sum + point.of(one.version), 0)))
    return [points.map(point => point.at), ...sums.reverse()] as uPlot.AlignedData
}

function options(UPlot: typeof uPlot, target: HTMLElement, series: readonly ChartSeries[], { from, to, samples }: FleetHistory): uPlot.Options {
    const color = (name: string): string => {
        target.style.color = `var(${name})`
        const found = getComputedStyle(target).color
        target.style.color = ""
        return found
    }
    const toMs = Date.parse(to)
    // A server that is new has nothing to show of the time before.
    const fromS = Math.min(Math.max(Date.parse(from), Date.parse(samples[0]?.at ?? from)), toMs - SPAN_MIN_MS) / 1000
    const text = color("--muted")
    const line = { stroke: color("--line"), width: 1 }
    const font = `11px ${getComputedStyle(target).fontFamily}`
    const stepped = UPlot.paths.stepped?.({ align: 1 })
    return {
        width: target.clientWidth,
        height: HEIGHT,
        padding: [8, 24, 0, 0],
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { range: () => [fromS, Math.max(Date.now(), toMs) / 1000] }, y: { range: (_u, _min, max) => [0, Math.max(1, max)] } },
        axes: [
            { stroke: text, font, grid: { show: false }, ticks: line, space: 80, values: timeLabels },
            { stroke: text, font, grid: line, ticks: { show: false }, size: 48, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000], values: (_u, ticks) => ticks.map(tick => number(tick)) },
        ],
        series: [{}, ...[...series].reverse().map(one => ({ label: one.version, width: 1, paths: stepped, stroke: color("--surface"), fill: color(`--s${one.color}`), points: { show: false } }))],
    }
}

/** Hours of the day, or days where the hours would be many. */
function timeLabels(_chart: uPlot, ticks: number[], _axis: number, _space: number, step: number): string[] {
    const format = step < 86_400 ? new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", ...(step < 60 ? { second: "2-digit" } : {}) }) : new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" })
    return ticks.map(tick => format.format(new Date(tick * 1000)))
}
