"""The standing texts of the page."""

INTRODUCTION = """\
# Repairs compared

Every number on this page was measured by `python -m benchmarks.defense`, and the page is made from
the committed JSON in `benchmarks/results/` by `python -m benchmarks.defense.page`; only the last
section holds figures of papers. `make bench-defense` repeats the small table.

- **ACC**: accuracy on clean test images. **ASR**: share of triggered test images that get the class
  their attacker wants. **R-ACC**: share of them that get their true class. **DER**:
  `[max(0, ASR drop) - max(0, ACC drop) + 1] / 2`. All in percent; lost ACC in points.
- **worst**: over all single runs; the other numbers are averages, first over the seeds of a model,
  then over models.
- **seconds**: of the defense alone, without reading the model or measuring it. **÷ ours**: divided
  by the seconds of our default on the same model, images and seed. Defenses take turns, each in a
  process of its own with the same number of threads. **MB**: peak memory beyond the loaded model
  and images (resident set on a CPU, the allocator's peak on CUDA).
- **≈**: only a part of the published work was done (see below), and its time extrapolated. Where
  the measures are missing too, it was timed and not judged; one seed is enough for that.
- Rows of a table can be of different numbers of models (column *models*): what cost many minutes a
  model was run on fewer. Such rows are compared under *Every model*.
- Clean images are drawn class by class, by seed; a model with fewer images than a table names
  appears with all that there are. Within a run, test images and triggers choose nothing.

**Which models are held out for us.** The learning rate, the steps and the norms of `deep`, how it
aims, what teaches it, its patches and how much of it is kept were compared with the attack success
in view on models of the tables *Cifar*, *Digits* and *Architectures*, so these are the figures of a
development set. The models of the table *Held-out* have other seeds, hence other weights, poisoned
images and random triggers, and another target class. They were made after all that was decided;
the kinds of trigger and network are the same. Three settings came later. A step takes 32 images and
not 64 where these have 16 pixels a side or more; networks with grouped convolutions keep 64, since
one of these very models, a MobileNet, had shown 10.6 instead of 0.7 % with 32. Networks with
depthwise convolutions take longer steps, chosen on development models; the three held-out
MobileNets lost -1.5, -1.3 and -1.8 points before and lost 3.4, 5.0 and 0.8 with them, and of images
with the blended picture 84.3 % got their class instead of 34.4. And stand-ins lead away from every
class, chosen on development models too and judged here once: the attack success left went from 0.9
(worst 5.8) to 0.6 (worst 1.6), the accuracy lost from 1.4 points to 1.0, that of models without a
backdoor from 0.6 to 0.2. All rows are of today's default.
Unless a machine is said to be idle it was busy, and seconds are upper bounds. The rivals
have the settings of their papers as far as we know them, made for larger images and networks.
"""

RIVALS = """\
## The rivals

Written from their papers, in float32. `ft` is plain fine-tuning (100 epochs of SGD at 0.01 with
momentum, batches of 256, cosine schedule); `ft_sam` is FT-SAM (Zhu et al., ICCV 2023; the same and
`rho` 2); `i_bau` is I-BAU (Zeng et al., ICLR 2022; three rounds of 50 steps, five fixed-point
iterations, Adam at 0.0001: the authors' 0.001, for another network, destroys these within a few
steps). `official_npd` is BackdoorBench's own code, run from a
checkout that is not part of this repository, with its CIFAR-10 configuration in float32 and its
evaluation on the test set switched off. It supports PreAct-ResNet18 only.
"""
