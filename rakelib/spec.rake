# frozen_string_literal: true

# The rings of specs, without the set-up, the compilation and the broker that bin/test adds.
namespace :spec do
  { unit: "no broker", engine: "the mock cluster", kafka: "a real broker", hosts: "real hosts" }.each do |ring, needs|
    desc "Run spec/#{ring} (#{needs})"
    task(ring) { sh RbConfig.ruby, "-S", "rspec", "spec/#{ring}", *ENV["SPEC_OPTS"]&.split }
  end
end

desc "Run all rings: bin/test"
task(:spec) { sh "bin/test" }
