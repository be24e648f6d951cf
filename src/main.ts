import { startResident } from "./resident"
import "./app"

await startResident()
