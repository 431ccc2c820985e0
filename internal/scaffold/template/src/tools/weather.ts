// weather.getCurrent: the weather at a place, from Open-Meteo (https://open-meteo.com), which needs no key.
import type { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { z } from "zod";

const places = process.env.GEOCODING_API ?? "https://geocoding-api.open-meteo.com/v1";
const forecasts = process.env.WEATHER_API ?? "https://api.open-meteo.com/v1";

const placeAnswer = z.object({
  results: z.array(z.object({ latitude: z.number(), longitude: z.number() })).optional(),
});
const forecastAnswer = z.object({
  current: z.object({ temperature_2m: z.number(), weather_code: z.number() }),
});

export function registerWeather(server: McpServer): void {
  server.registerTool(
    "weather.getCurrent",
    {
      title: "Current weather",
      description: "The temperature in degrees Celsius and the condition of the weather at a place, now.",
      inputSchema: { location: z.string().min(1).max(200).describe("The name of a city, such as Seoul") },
      outputSchema: { temperature: z.number(), condition: z.string() },
      annotations: { readOnlyHint: true, openWorldHint: true },
    },
    async ({ location }) => {
      const weather = await current(location);
      return { content: [{ type: "text", text: JSON.stringify(weather) }], structuredContent: weather };
    },
  );
}

async function current(location: string): Promise<{ temperature: number; condition: string }> {
  const found = placeAnswer.parse(await get(places, "search", { name: location, count: "1" }));
  const place = found.results?.[0];
  if (!place) {
    throw new Error(`no place is called ${location}`);
  }
  const { current: now } = forecastAnswer.parse(
    await get(forecasts, "forecast", {
      latitude: String(place.latitude),
      longitude: String(place.longitude),
      current: "temperature_2m,weather_code",
    }),
  );
  return { temperature: now.temperature_2m, condition: condition(now.weather_code) };
}

// get asks one of the two services. What the caller wrote becomes a parameter only, never a part of the path.
async function get(base: string, path: string, parameters: Record<string, string>): Promise<unknown> {
  const url = new URL(`${base}/${path}?${new URLSearchParams(parameters)}`);
  const answer = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  if (!answer.ok) {
    throw new Error(`${url.host} answered ${answer.status}`);
  }
  return answer.json();
}

// condition names a WMO weather code. Each row is the highest code of its kind.
function condition(code: number): string {
  const kinds: [number, string][] = [
    [0, "clear"],
    [2, "partly cloudy"],
    [3, "overcast"],
    [48, "fog"],
    [57, "drizzle"],
    [67, "rain"],
    [77, "snow"],
    [82, "rain showers"],
    [86, "snow showers"],
    [99, "thunderstorm"],
  ];
  return kinds.find(([highest]) => code <= highest)?.[1] ?? "unknown";
}
