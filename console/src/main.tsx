import { render } from "preact"
import { App } from "./app.tsx"
import { applyTheme, readTheme } from "./theme.ts"
import "uplot/dist/uPlot.min.css"
import "./style.css"

applyTheme(readTheme())
const place = document.getElementById("app")
if (place !== null) render(<App />, place)
