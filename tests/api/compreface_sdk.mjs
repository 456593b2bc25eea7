// What CompreFace's SDK for JavaScript does against the site, for test_compreface.py: node compreface_sdk.mjs ORIGIN PORT KEY
import { CompreFace } from "@exadel/compreface-js-sdk";

const [server, port, key] = process.argv.slice(2);
const options = { limit: 0, prediction_count: 1 };
const service = new CompreFace(server, `${port}/compreface`, options).initFaceRecognitionService(key);
const subjects = () => service.getSubjects(); // they keep the address of the last call, so each call takes new ones
const faces = () => service.getFaceCollection();

async function recognizeWhenKnown(path) {
  for (;;) {
    const { result } = await service.recognize(path, {});
    if (result[0].subjects[0]?.similarity >= 0.9) return result[0].subjects[0].subject;
    await new Promise((go) => { setTimeout(go, 200); });
  }
}

const said = { made: await subjects().add("Java Script") };
said.added = await faces().add("./one.jpg", "Java Script", {});
said.recognized = await recognizeWhenKnown("./one.jpg");
said.verified = await faces().verify("./one.jpg", said.added.image_id, {});
said.renamed = await subjects().rename("Java Script", "JS");
said.listed = (await faces().list()).faces;
said.subjects = (await subjects().list()).subjects;
said.deleted = await faces().delete(said.added.image_id);
said.gone = await subjects().delete("JS");
said.refused = await subjects().delete("Nobody").catch((error) => error.response.data.code);
console.log(JSON.stringify(said));
