// Python bindings of the dense CRF. They are a separate source because they compile as long as the rest.
#include <nanobind/stl/map.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/variant.h>
#include <nanobind/stl/vector.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <variant>

#include "bindings/bindings.hpp"
#include "crf/mean_field.hpp"

namespace {

template <typename T>
using Volume = AlignedArray<T, 4>;  // (classes, depth, height, width), any strides

using ShapeTuple = std::tuple<std::ptrdiff_t, std::ptrdiff_t, std::ptrdiff_t>;

constexpr std::ptrdiff_t limit = 0x7fffffff;

pixelwise::Shape shape_of(const ShapeTuple& shape) {
    const pixelwise::Shape sizes{std::get<0>(shape), std::get<1>(shape), std::get<2>(shape)};
    require(sizes.depth > 0 && sizes.height > 0 && sizes.width > 0, "shape must be positive");
    require(sizes.depth <= limit && sizes.height <= limit && sizes.width <= limit && sizes.depth * sizes.height <= limit &&
                sizes.pixels() <= limit,
            "more than 2^31 - 1 pixels");
    return sizes;
}

void require_features(const Array<const float, 2>& features, const pixelwise::Shape& shape) {
    require(features.shape(0) >= 1 && features.shape(0) <= pixelwise::max_dimensions &&
                features.shape(1) == static_cast<std::size_t>(shape.pixels()),
            "features are not (1 to 16, pixels)");
}

// A lattice that several fields may use.
class LatticeHandle {
  public:
    LatticeHandle(const ShapeTuple& shape, Array<const float, 2> features, int threads) {
        const pixelwise::Shape sizes = shape_of(shape);
        require_threads(threads);
        require_features(features, sizes);
        const int dimensions = static_cast<int>(features.shape(0));
        const Released released;
        lattice_ = std::make_shared<const pixelwise::Lattice>(dimensions, features.data(), pixelwise::Tiles(sizes),
                                                              *pixelwise::find_routines(),
                                                              pixelwise::threads_worth(threads, sizes.pixels()), PTRDIFF_MAX);
    }
    const std::shared_ptr<const pixelwise::Lattice>& lattice() const { return lattice_; }

  private:
    std::shared_ptr<const pixelwise::Lattice> lattice_;
};

// The Python object: the mean field, and a lock that serialises its calls, since they run without the GIL.
class CrfHandle {
    template <typename T>
    pixelwise::Strided<T> strided(const Volume<T>& array) const {
        const pixelwise::Shape& shape = field_->shape();
        require(array.shape(0) == static_cast<std::size_t>(field_->classes()) &&
                    array.shape(1) == static_cast<std::size_t>(shape.depth) &&
                    array.shape(2) == static_cast<std::size_t>(shape.height) &&
                    array.shape(3) == static_cast<std::size_t>(shape.width),
                "array is not (classes, depth, height, width)");
        if (!std::is_const_v<T>)
            for (std::size_t axis = 0; axis < 4; ++axis)
                require(array.shape(axis) == 1 || array.stride(axis) != 0, "an array to be filled repeats its numbers");
        return {array.data(), array.stride(0), array.stride(1), array.stride(2), array.stride(3)};
    }
    // One call at a time, by the thread that it names.
    class Turn {
      public:
        explicit Turn(CrfHandle& of) : lock_(of.lock_), user_(of.user_) { user_ = std::this_thread::get_id(); }
        ~Turn() { user_ = std::thread::id(); }
        Turn(const Turn&) = delete;

      private:
        const std::lock_guard<std::mutex> lock_;
        std::atomic<std::thread::id>& user_;
    };
    template <class Work>
    auto locked(const Work& work) {
        if (user_ == std::this_thread::get_id())  // it would wait for itself
            throw std::runtime_error(
                "this CRF is in the middle of a call that a signal handler has interrupted; the handler may not use it");
        const Released released;
        const Turn turn(*this);
        return work();
    }
    pixelwise::MeanField& checked() {
        require(ready_, "set_unary comes first");
        return *field_;
    }

  public:
    using KernelTuple = std::tuple<std::variant<Array<const float, 2>, const LatticeHandle*>, int, float, std::optional<Array<const float, 2>>>;

    CrfHandle(const ShapeTuple& shape, int classes,
              const std::vector<KernelTuple>& kernels, int threads, const std::optional<std::string>& instructions,
              std::optional<std::ptrdiff_t> most_vertices, bool merge_labels) {
        const pixelwise::Shape sizes = shape_of(shape);
        require(classes > 0 && classes <= 65536, "classes must be from 1 to 65536");
        require_threads(threads);
        require(!most_vertices || *most_vertices > 0, "most_vertices must be positive");
        std::vector<pixelwise::Pairwise> terms;
        for (const auto& [source, normalization, weight, label] : kernels) {
            const auto* const features = std::get_if<0>(&source);
            if (features) require_features(*features, sizes);
            if (!features) require(std::get<1>(source) != nullptr, "a kernel has neither features nor a lattice");
            require(normalization >= 0 && normalization < 4, "unknown normalization");
            require(weight >= 0.0f, "negative weight");
            std::vector<float> matrix;
            if (label) {
                require(label->shape(0) == label->shape(1) && label->shape(0) == static_cast<std::size_t>(classes),
                        "label matrix is not (classes, classes)");
                matrix.assign(label->data(), label->data() + label->size());
            }
            terms.push_back({features ? static_cast<int>(features->shape(0)) : 0, features ? features->data() : nullptr,
                             static_cast<pixelwise::Normalization>(normalization), weight, matrix,
                             features ? nullptr : std::get<1>(source)->lattice()});
        }
        const pixelwise::Routines& chosen = routines_named(instructions);
        const Released released;
        field_ = std::make_unique<pixelwise::MeanField>(sizes, classes, terms, threads, chosen,
                                                        most_vertices.value_or(PTRDIFF_MAX), merge_labels);
    }

    std::ptrdiff_t set_unary(Volume<const float> unary) {
        const auto view = strided<const float>(unary);
        return locked([&] {
            ready_ = false;
            const std::ptrdiff_t bad = field_->set_unary(view);
            ready_ = bad < 0;
            return bad;
        });
    }
    float step(bool watch) {
        return locked([&] { return checked().step(watch); });
    }
    void set_weight(std::size_t term, float weight) {
        require(term < field_->terms(), "no such kernel");
        require(weight >= 0.0f, "negative weight");
        require(!field_->has_matrix(term), "the kernel has a label matrix instead of a weight");
        locked([&] { field_->set_weight(term, weight); });
    }
    int labels_apart() {
        return locked([&] { return field_->labels_apart(); });
    }
    std::map<std::string, double> seconds() {
        const auto spent = locked([&] { return field_->seconds(); });
        return {{"beliefs", spent.beliefs}, {"splat", spent.splat}, {"merge", spent.merge}, {"blur", spent.blur}};
    }
    void step_from(Volume<const float> beliefs) {
        const auto view = strided<const float>(beliefs);
        locked([&] { checked().step_from(view); });
    }
    template <class T>
    void beliefs(Volume<T> out) {
        const auto view = strided<T>(out);
        locked([&] { checked().beliefs(view); });
    }
    void labels(Array<std::int32_t, 1> out) {
        require(out.size() == static_cast<std::size_t>(field_->shape().pixels()), "labels are not (pixels)");
        locked([&] { checked().labels(out.data()); });
    }
    double divergence() {
        return locked([&] { return checked().divergence(); });
    }
    double divergence_of(Volume<const float> beliefs) {
        const auto view = strided<const float>(beliefs);
        return locked([&] { return checked().divergence_of(view); });
    }
    void message(std::size_t term, Volume<const float> values, Volume<float> out) {
        require(term < field_->terms(), "no such kernel");
        const auto from = strided<const float>(values);
        const auto to = strided<float>(out);
        locked([&] { field_->message(term, from, to); });
    }
    std::vector<std::ptrdiff_t> vertices() const {
        std::vector<std::ptrdiff_t> counts;
        for (std::size_t k = 0; k < field_->terms(); ++k) counts.push_back(field_->vertices(k));
        return counts;
    }
    int threads() const { return field_->threads(); }

  private:
    std::unique_ptr<pixelwise::MeanField> field_;
    std::mutex lock_;
    std::atomic<std::thread::id> user_{};  // the thread that holds the lock
    bool ready_ = false;
};

}  // namespace

void bind_crf(nb::module_& module) {
    nb::exception<pixelwise::LatticeTooLarge>(module, "LatticeTooLarge", PyExc_MemoryError);
    nb::class_<LatticeHandle>(module, "Lattice", "The permutohedral lattice of features, for any number of fields.")
        .def(nb::init<const ShapeTuple&, Array<const float, 2>, int>(), "shape"_a, "features"_a, "threads"_a)
        .def_prop_ro("vertices", [](const LatticeHandle& self) { return self.lattice()->vertices(); });
    nb::class_<CrfHandle>(module, "MeanField", "A dense CRF; the arrays it takes and fills are (classes, depth, height, width).")
        .def(nb::init<const ShapeTuple&, int, const std::vector<CrfHandle::KernelTuple>&, int,
                      const std::optional<std::string>&, std::optional<std::ptrdiff_t>, bool>(),
             "shape"_a, "classes"_a, "kernels"_a, "threads"_a, "instructions"_a.none() = nb::none(),
             "most_vertices"_a.none() = nb::none(), "merge_labels"_a = false,
             "kernels: (features (d, pixels) or their Lattice, normalization 0 none 1 before 2 after 3 symmetric, weight, "
             "label matrix or None). LatticeTooLarge if all lattices together have more than `most_vertices`. merge_labels: "
             "whether labels that are unlikely everywhere may take part as one.")
        .def("set_unary", &CrfHandle::set_unary, "unary"_a,
             "Take energies and start again; return the index class * pixels + pixel of one that is not finite, or -1.")
        .def("step", &CrfHandle::step, "watch"_a = false,
             "One iteration. watch: return the largest change of a belief from the call before the last to the last one, or "
             "infinity if they did not watch.")
        .def("set_weight", &CrfHandle::set_weight, "term"_a, "weight"_a, "Start again with another weight of a kernel.")
        .def("step_from", &CrfHandle::step_from, "beliefs"_a, "One iteration from these beliefs.")
        .def("beliefs", &CrfHandle::beliefs<float>, "out"_a, "Fill in Q.")
        .def("beliefs", &CrfHandle::beliefs<pixelwise::Half>, "out"_a, "The same for float16, viewed as uint16.")
        .def("labels", &CrfHandle::labels, "out"_a, "Fill in the likeliest class of each pixel.")
        .def("divergence", &CrfHandle::divergence, "The mean-field objective of the present beliefs.")
        .def("divergence_of", &CrfHandle::divergence_of, "beliefs"_a, "The mean-field objective of these beliefs.")
        .def("message", &CrfHandle::message, "term"_a, "values"_a, "out"_a,
             "Filter these values with one kernel and write the result.")
        .def_prop_ro("vertices", &CrfHandle::vertices, "Lattice vertices of each kernel.")
        .def_prop_ro("labels_apart", &CrfHandle::labels_apart, "Labels that have messages of their own.")
        .def_prop_ro("seconds", &CrfHandle::seconds, "Time that the first thread has spent in iterations, by phase.")
        .def_prop_ro("threads", &CrfHandle::threads, "Threads in use.");
    module.def("instruction_set", [] { return std::string(pixelwise::find_routines()->name); },
               "The instruction set that is chosen on this processor.");
}
