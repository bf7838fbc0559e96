import { render } from "preact";
import { connect } from "../client/client.ts";
import { systemClock } from "../model/clock.ts";
import { App } from "./app.tsx";
import { startFeed, streamUrl } from "./feed.ts";
import { createPage, keepFresh } from "./page.ts";
import "./styles/base.css";
import "./styles/navigation.css";
import "./styles/map.css";
import "./styles/panels.css";
import "./styles/card.css";
import "./styles/views.css";

const page = createPage(systemClock, connect(streamUrl(location)));
startFeed(page);
keepFresh(page);
render(<App page={page} />, document.getElementById("app") as HTMLElement);
