// Drives the dense CRF without Python, for the sanitizers that `make sanitize` compiles in: many shapes, dimensions,
// class counts and widths, on every instruction set that runs here and on one to four threads. Checked is what must
// hold whatever the numbers: beliefs add up to 1 and depend neither on threads nor on instructions, nothing is written
// beside an array, and what cannot be used is refused.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "checks.hpp"
#include "crf/mean_field.hpp"
#include "crf/permutohedral.hpp"

namespace {

using namespace pixelwise;

// An array (classes, depth, height, width) in one of three layouts: by classes, classes last, or with gaps.
class Volume {
  public:
    static constexpr int layouts = 3;

    Volume(const Shape& shape, int classes, int layout) : shape_(shape), classes_(classes) {
        const Index pixels = shape.pixels();
        if (layout == 0) steps_ = {nullptr, pixels, shape.height * shape.width, shape.width, 1};
        if (layout == 1) steps_ = {nullptr, 1, shape.height * shape.width * classes, shape.width * classes, classes};
        if (layout == 2) {
            steps_ = {nullptr, 0, 0, 2 * shape.width + 3, 2};
            steps_.plane_step = shape.height * steps_.row_step + 5;
            steps_.class_step = shape.depth * steps_.plane_step + 7;
        }
        values_.assign(size(offset(classes - 1, pixels - 1) + 1), untouched);
    }
    Volume(const Shape& shape, const Floats& rows, int layout)
        : Volume(shape, static_cast<int>(static_cast<Index>(rows.size()) / shape.pixels()), layout) {
        for (int c = 0; c < classes_; ++c)
            for (Index i = 0; i < shape.pixels(); ++i)
                values_[size(offset(c, i))] = rows[size(c * shape.pixels() + i)];
    }

    Strided<const float> view() const {
        return {values_.data(), steps_.class_step, steps_.plane_step, steps_.row_step, steps_.column_step};
    }
    Strided<float> writable() {
        return {values_.data(), steps_.class_step, steps_.plane_step, steps_.row_step, steps_.column_step};
    }
    // (classes, pixels), all of them written, and the gaps not.
    Floats rows() const {
        Floats found;
        Index written = 0;
        for (const float value : values_) written += value != untouched;
        for (int c = 0; c < classes_; ++c)
            for (Index i = 0; i < shape_.pixels(); ++i) found.push_back(values_[size(offset(c, i))]);
        require(written == classes_ * shape_.pixels(), "gaps of an array were written, or values were not");
        return found;
    }

  private:
    static constexpr float untouched = 12345.5f;
    Index offset(int label, Index pixel) const {
        const Index column = pixel % shape_.width, row = pixel / shape_.width;
        return label * steps_.class_step + row / shape_.height * steps_.plane_step +
               row % shape_.height * steps_.row_step + column * steps_.column_step;
    }

    Shape shape_;
    int classes_;
    Strided<float> steps_{};
    Floats values_;
};

struct Case {
    Shape shape;
    int classes;
    std::vector<int> dimensions;  // of each kernel
    Normalization normalization;
    float spread = 1.0f;  // of the features, in standard deviations
    bool matrix = false;  // a full compatibility
    float scale = 3.0f;   // of the energies

    std::string name() const {
        std::string text = std::to_string(shape.depth) + "x" + std::to_string(shape.height) + "x" +
                           std::to_string(shape.width) + ", " + std::to_string(classes) + " classes, dimensions";
        for (const int d : dimensions) text += " " + std::to_string(d);
        return text + ", normalization " + std::to_string(static_cast<int>(normalization)) + ", spread " +
               std::to_string(spread) + (matrix ? ", matrix" : "");
    }
};

// The arrays of a case; all runs of it have the same.
struct Input {
    std::vector<Floats> features, labels;
    Floats unary;

    explicit Input(const Case& of) {
        Random random(static_cast<unsigned>(of.classes * 100 + of.dimensions.size()));
        for (const int d : of.dimensions) {
            features.push_back(random.normals(d * of.shape.pixels(), of.spread));
            labels.push_back(of.matrix ? random.normals(Index{of.classes} * of.classes, 0.5f) : Floats{});
        }
        unary = random.normals(of.classes * of.shape.pixels(), of.scale);
    }
    std::vector<Pairwise> pairwise(const Case& of) const {
        std::vector<Pairwise> terms;
        for (std::size_t k = 0; k < features.size(); ++k) {
            // Without normalisation a kernel sums over pixels: lighter, or rounding decides all.
            float weight = static_cast<float>(k) + 0.5f;
            if (of.normalization == Normalization::none) weight *= 10.0f / static_cast<float>(of.shape.pixels());
            terms.push_back({of.dimensions[k], features[k].data(), of.normalization, weight, labels[k]});
        }
        return terms;
    }
};

// What differs, in units of the numbers that are larger than 1.
void require_near(const Floats& a, const Floats& b, float tolerance, const char* what) {
    require(a.size() == b.size(), what);
    for (std::size_t i = 0; i < a.size(); ++i) {
        const float difference = std::abs(a[i] - b[i]) / std::max(1.0f, std::abs(b[i]));
        require(difference <= tolerance, what, difference);
    }
}

Floats beliefs_of(MeanField& field, int layout) {
    Volume q(field.shape(), field.classes(), layout);
    field.beliefs(q.writable());
    Floats rows = q.rows();
    require_probabilities(rows, field.classes(), field.shape().pixels());
    return rows;
}

// All calls of one object; the beliefs after three iterations, and after them messages of each term.
std::vector<Floats> run(const Case& of, const Input& input, const Routines& routines, int threads) {
    const Index pixels = of.shape.pixels();
    MeanField field(of.shape, of.classes, input.pairwise(of), threads, routines);
    require(field.threads() >= 1 && field.threads() <= threads, "a wrong number of threads");
    const Volume unary(of.shape, input.unary, threads % Volume::layouts);
    require(field.set_unary(unary.view()) == -1, "a finite unary was refused");
    beliefs_of(field, 0);
    for (int step = 0; step < 3; ++step) field.step();
    std::vector<Floats> results{beliefs_of(field, 1)};
    const Floats& q = results[0];

    std::vector<Half> halves(q.size(), 0xffff);
    field.beliefs({halves.data(), pixels, of.shape.height * of.shape.width, of.shape.width, 1});
    constexpr Half one = 0x3c00;
    for (const Half half : halves) require(half <= one, "a float16 is not a probability");

    std::vector<std::int32_t> labels(size(pixels), -1);
    field.labels(labels.data());
    for (Index i = 0; i < pixels; ++i) {
        require(labels[size(i)] >= 0 && labels[size(i)] < of.classes, "a label is not a class");
        for (int c = 0; c < of.classes; ++c)
            require(q[size(labels[size(i)] * pixels + i)] >= q[size(c * pixels + i)], "a label is not the likeliest");
    }
    require(std::isfinite(field.divergence()), "the divergence is not finite");

    // From the same beliefs, the next step is the same.
    const Volume copy(of.shape, q, 2);
    require(std::isfinite(field.divergence_of(copy.view())), "the divergence of beliefs is not finite");
    field.step_from(copy.view());
    const Floats from = beliefs_of(field, 2);
    for (std::size_t k = 0; k < field.terms(); ++k) {
        require(field.vertices(k) > 0, "a lattice without vertices");
        Volume out(of.shape, of.classes, static_cast<int>(k) % Volume::layouts);
        field.message(k, copy.view(), out.writable());
        results.push_back(out.rows());
    }

    // A unary that is not finite is refused; another one starts from the beginning.
    Floats spoilt = input.unary;
    const Index bad = static_cast<Index>(spoilt.size()) / 2;
    spoilt[size(bad)] = std::numeric_limits<float>::quiet_NaN();
    spoilt.back() = std::numeric_limits<float>::infinity();
    require(field.set_unary(Volume(of.shape, spoilt, 0).view()) == bad, "NaN was not found where it is");
    require(field.set_unary(unary.view()) == -1, "the unary was refused when it came again");
    for (int step = 0; step < 4; ++step) field.step();
    require_near(beliefs_of(field, 0), from, 1e-4f, "step and step_from");
    return results;
}

std::vector<const Routines*> sets;  // to be driven

void run_all(const Case& of, int most_threads) {
    const Input input(of);
    std::vector<Floats> first;  // of the first set, on one thread
    for (const Routines* routines : sets) {
        std::vector<Floats> serial;
        for (int threads = 1; threads <= most_threads; ++threads) {
            context = std::string(routines->name) + ", " + std::to_string(threads) + " threads, " + of.name();
            const std::vector<Floats> found = run(of, input, *routines, threads);
            if (serial.empty()) serial = found;
            if (first.empty()) first = found;
            for (std::size_t k = 0; k < found.size(); ++k) {
                require_near(found[k], serial[k], 1e-5f, k == 0 ? "beliefs of threads" : "messages of threads");
                require_near(found[k], first[k], 1e-4f, k == 0 ? "beliefs of sets" : "messages of sets");
            }
        }
    }
}

// Objects of their own, used by several threads at once.
void run_side_by_side(const Case& of) {
    const Input input(of);
    context = "side by side, " + of.name();
    const std::vector<Floats> expected = run(of, input, *find_routines(), 1);
    std::vector<std::vector<Floats>> found(3);
    std::vector<std::thread> threads;
    for (std::vector<Floats>& own : found)
        threads.emplace_back([&] { own = run(of, input, *find_routines(), 2); });
    for (std::thread& thread : threads) thread.join();
    for (const std::vector<Floats>& own : found) require_near(own[0], expected[0], 1e-4f, "beliefs");
}

void run_refusals() {
    const float infinity = std::numeric_limits<float>::infinity();
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(), infinity, -infinity, 3e38f, -1e30f, 1e9f, 1e7f})
        for (const int d : {1, 2, 5, 16})
            for (int threads = 1; threads <= 4; ++threads) {
                Case of{{1, 128, 130}, 3, {2, d}, Normalization::symmetric};
                context = "feature " + std::to_string(bad) + ", " + of.name();
                Input input(of);
                input.features[1][size(of.shape.pixels() / 2)] = bad;
                bool refused = false;
                try {
                    MeanField(of.shape, of.classes, input.pairwise(of), threads, *find_routines());
                } catch (const std::invalid_argument& error) {
                    refused = std::string(error.what()).find("kernel 1") != std::string::npos;
                }
                require(refused, "was not refused");
            }
    context = "instruction sets";
    require(find_routines() != nullptr && find_routines("pentium") == nullptr, "an unknown one was found");
}

void run_lattices() {
    for (int d = 1; d <= max_dimensions; ++d)
        for (int threads = 1; threads <= 4; ++threads) {
            const Shape shape{1, 7, 50 + d};
            context = "lattice of " + std::to_string(d) + " dimensions";
            const Floats features = Random(static_cast<unsigned>(d)).normals(d * shape.pixels(), 2.0f);
            const Lattice lattice(d, features.data(), Tiles(shape), *find_routines(), threads, PTRDIFF_MAX);
            require(lattice.corners() == d + 1 && lattice.vertices() >= lattice.corners(), "too few vertices");
            for (Index i = 0; i < shape.pixels(); ++i)
                require(lattice.ones()[i] > 0.0f && std::isfinite(lattice.ones()[i]), "ones became less than 0");
        }
}

Normalization normalization(int k) { return static_cast<Normalization>(k % 4); }

void run_on_one_thread() {
    for (int d = 1; d <= max_dimensions; ++d)
        run_all({{1, 1, 200 + d}, 1 + 7 * d % 60, {d}, normalization(d)}, 1);
    for (int classes = 1; classes <= 60; ++classes)
        run_all({{1, 13, 11}, classes, {2, 5}, normalization(classes / 2), 1.0f, classes % 2 == 0}, 1);
    for (const Shape& shape : {Shape{1, 1, 1}, {1, 1, 2}, {1, 2, 1}, {3, 5, 7}, {1, 33, 31}, {1, 1, 1025}, {1, 1025, 1},
                               {1025, 1, 1}, {2, 32, 32}, {1, 65, 33}})
        for (int k = 0; k < 4; ++k) run_all({shape, 5, {3, 2}, normalization(k)}, 1);
    for (const float spread : {0.0f, 1e-38f, 1e-12f, 1e-3f, 30.0f, 1e3f, 2e3f})
        for (const int d : {1, 2, 3, 5, 16}) run_all({{1, 20, 31}, 4, {d}, normalization(d), spread}, 1);
    for (const float scale : {0.0f, 1e-38f, 1e30f, 3e37f})
        run_all({{1, 20, 31}, 4, {2}, Normalization::symmetric, 1.0f, false, scale}, 1);
    run_all({{1, 20, 31}, 4, {}, Normalization::none}, 1);
}

// Who get 4096 pixels each, or there are fewer of them.
void run_on_threads() {
    for (int k = 0; k < 4; ++k) run_all({{1, 128, 130}, 2 + 5 * k, {2, 5}, normalization(k)}, 4);
    for (int k = 0; k < 4; ++k) run_all({{1, 1, 16500}, 3, {3 + k}, normalization(k), 0.5f, k % 2 == 0}, 4);
    for (int k = 0; k < 2; ++k) run_all({{5, 41, 83}, 1 + 8 * k, {3, 4}, normalization(k)}, 4);
    run_all({{1, 129, 131}, 60, {2}, Normalization::symmetric, 2.0f, true}, 4);
    run_all({{1, 129, 131}, 2, {16}, Normalization::after}, 4);
    run_all({{1, 129, 131}, 4, {}, Normalization::none}, 4);
    run_side_by_side({{1, 100, 103}, 6, {2, 5}, Normalization::symmetric});
}

}  // namespace

// "threads" leaves out what has only one, and all instruction sets but the best.
int main(int count, char** arguments) {
    const bool all = count < 2 || std::string(arguments[1]) != "threads";
    for (const char* name : {"baseline", "avx2", "avx512"}) {
        const Routines* routines = find_routines(name);
        const bool driven = routines && (all || routines == find_routines());
        std::printf("%s: %s\n", name, driven ? "driven" : routines ? "left out" : "does not run here");
        if (driven) sets.push_back(routines);
    }
    if (all) {
        run_borders();
        run_confusion();
        run_regions();
        run_resampling();
        run_on_one_thread();
    }
    run_learning(sets);
    run_lattices();
    run_refusals();
    run_failures();
    run_on_threads();
    std::puts("clean");
    return 0;
}
