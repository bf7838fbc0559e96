import { render } from "preact";
import { systemClock } from "../model/clock.ts";
import { App } from "./app.tsx";
import { startFeed, streamUrl } from "./feed.ts";
import { createPage, keepFresh } from "./page.ts";
import "./styles/base.css";
import "./styles/map.css";
import "./styles/panels.css";
import "./styles/card.css";

const page = createPage(systemClock);
startFeed(page, streamUrl(location));
keepFresh(page);
render(<App page={page} />, document.getElementById("app") as HTMLElement);
